use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{read, root};

/// The instructions of the Dockerfile, each on one line.
fn instructions() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(ToOwned::to_owned).collect()
}

fn those(word: &str) -> Vec<String> {
    let prefix = format!("{word} ");
    instructions()
        .iter()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(ToOwned::to_owned)
        .collect()
}

/// What is copied from this tree.
fn copied() -> Vec<String> {
    let mut found = Vec::new();
    for line in those("COPY").iter().filter(|line| !line.starts_with("--from")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.pop();
        found.extend(words.into_iter().map(ToOwned::to_owned));
    }
    found
}

#[test]
fn the_image_is_built_as_the_readme_builds_and_has_what_it_installs() {
    let readme = read("README.md");
    let build: Vec<String> =
        those("RUN").into_iter().filter(|command| command.starts_with("cargo ")).collect();
    assert_eq!(build, ["cargo build --release --locked"]);
    assert!(readme.lines().any(|line| line == build[0]), "README.md builds otherwise");
    let compiler = "build-essential";
    assert!(those("RUN")[0].contains(compiler) && readme.contains(compiler));
    for (from, to) in [
        ("target/release/stadspuls", "/usr/local/bin/"),
        ("decoders", "/usr/local/share/stadspuls/"),
    ] {
        let copies = those("COPY");
        let copy = copies.iter().find(|line| line.contains(&format!("/src/{from} ")));
        assert!(copy.unwrap_or_else(|| panic!("{from} is not copied")).contains(to), "{from}");
        let installed = readme.lines().any(|line| line.contains(from) && line.contains(to));
        assert!(installed, "README.md installs {from} elsewhere");
    }
}

#[test]
fn the_image_runs_as_nobody_and_starts_from_pinned_versions() {
    let user = those("USER");
    assert_eq!(user, ["10001:10001"]);
    let from = those("FROM");
    assert_eq!(from.len(), 2, "one that builds, one that runs");
    for image in &from {
        let tag = image.split_whitespace().next().unwrap().split_once(':').unwrap().1;
        assert!(tag.starts_with(char::is_numeric) && tag.contains('.'), "{image}");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(from[0].starts_with(&format!("rust:{rust}.")), "{} is not Rust {rust}", from[0]);
    assert_eq!(those("ENTRYPOINT"), ["[\"/usr/local/bin/stadspuls\"]"]);
}

/// Files that the source includes, from the root.
fn included() -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for at in text.split("include_str!(\"").chain(text.split("include_bytes!(\"")).skip(1) {
                let name = at.split('"').next().unwrap();
                if let Ok(file) = folder.join(name).canonicalize()
                    && file.is_file()
                {
                    found.insert(file.strip_prefix(root()).unwrap().to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn what_the_build_needs_is_copied_and_nothing_ignores_it() {
    let copied = copied();
    let ignore = read(".dockerignore");
    assert!(ignore.lines().any(|line| line == "*"), "a city's secrets could be in the image");
    for name in &copied {
        assert!(root().join(name).exists(), "{name} is not there");
        assert!(ignore.lines().any(|line| line == format!("!{name}")), "{name} is ignored");
    }
    let allowed = ignore.lines().filter(|line| line.starts_with('!')).count();
    assert_eq!(allowed, copied.len(), "more is sent than is copied");
    let included = included();
    assert!(included.len() > 5, "{included:?}");
    for file in included {
        assert!(copied.iter().any(|name| file.starts_with(name)), "{} is missing", file.display());
    }
}
