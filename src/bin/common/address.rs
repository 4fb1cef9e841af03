use std::net::SocketAddr;

use anyhow::Result;

/// Addresses for programs to be started again and again: below those that the system gives to
/// outgoing connections, so that nobody takes one while its program is down, and apart from
/// those of another run.
pub struct Addressbook {
    next: u16,
}

impl Addressbook {
    const FIRST: u16 = 4_000;
    const LAST: u16 = 11_999;

    /// More than a run needs.
    const OF_A_RUN: u32 = 8;

    pub fn new() -> Self {
        let runs = u32::from(Self::LAST - Self::FIRST) / Self::OF_A_RUN;
        let offset = std::process::id() % runs * Self::OF_A_RUN;
        Self { next: Self::FIRST + u16::try_from(offset).unwrap_or(0) }
    }

    pub fn free(&mut self) -> Result<SocketAddr> {
        for _ in Self::FIRST..Self::LAST {
            let address = SocketAddr::from(([127, 0, 0, 1], self.next));
            self.next = if self.next < Self::LAST { self.next + 1 } else { Self::FIRST };
            if std::net::TcpListener::bind(address).is_ok() {
                return Ok(address);
            }
        }
        anyhow::bail!("no port is free")
    }
}
