# The program with its catalogue of sensors. `docker build -t stadspuls:0.1.0 .`

FROM rust:1.95.0-slim-trixie AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .env.example ./
COPY config config
COPY decoders decoders
COPY templates templates
COPY src src
# Cargo.toml names it, so it has to be there, though nothing is tested here.
COPY tests/integration.rs tests/integration.rs
RUN cargo build --release --locked

FROM debian:13.4-slim
# The authorities by which a broker's certificate is verified.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/stadspuls /usr/local/bin/
COPY --from=build /src/decoders /usr/local/share/stadspuls/decoders
COPY --from=build /src/config/demo /usr/local/share/stadspuls/config/demo
# Nobody on any machine. docker-compose.yml runs it as the owner of the city's folder instead.
USER 10001:10001
WORKDIR /city
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/stadspuls"]
CMD ["--help"]
