//! The technician's guide holds what the service takes.

use stadspuls::config::Config;
use stadspuls::document::Faults;
use stadspuls::model::Format;

const GUIDE: &str = include_str!("../../docs/network-servers.md");

#[test]
fn every_source_of_the_guide_is_taken_and_every_format_has_one() {
    let blocks: Vec<&str> = GUIDE
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("[source."))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stadspuls.toml");
    let mut formats = Vec::new();
    for block in &blocks {
        std::fs::write(&path, block).unwrap();
        let faults = Faults::default();
        let config = Config::load(&path, &faults);
        let faults: Vec<String> = faults.into_vec().iter().map(ToString::to_string).collect();
        assert_eq!(faults, [""; 0], "{block}");
        formats.extend(config.sources.iter().map(|source| source.mqtt.source.format));
    }
    assert_eq!(formats.len(), blocks.len());
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Auto) {
        assert!(
            GUIDE.contains(&format!("`{}`", format.name())),
            "{} is in no table",
            format.name()
        );
        // Which the text names beside the other forms of the same server.
        let is_other_form = matches!(
            format,
            Format::ChirpStackV4Protobuf | Format::ChirpStackV3Json | Format::ChirpStackV3Protobuf
        );
        assert!(is_other_form || formats.contains(&format), "no source has {}", format.name());
    }
}
