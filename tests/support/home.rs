use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::uplinks::{ELSEWHERE, WATER};

pub const STAFF_TOKEN: &str = "only for the tests";

/// A folder with all an operator would write: configuration, fleet, secrets. The store grows in
/// it too, so the service can be started on it again. It goes with its last clone.
#[derive(Clone)]
pub struct Home {
    dir: Arc<tempfile::TempDir>,
}

impl Home {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self { dir: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// With a public bathing place, a gauging station, and a sensor standing at each for years.
    pub fn new() -> Self {
        let home = Self::empty();
        home.write("staff.token", STAFF_TOKEN);
        home.write(
            "fleet/sites.toml",
            r#"
            [[site]]
            id = "badplatsen"
            kind = "bathing_place"
            name = "Badplatsen"
            position = [12.5, 57.9]
            [site.public]
            purpose = "badtemperaturer"
            approved_by = "enhetschef"
            approved_on = 2020-01-01
            [site.bathing]

            [[site]]
            id = "bron"
            kind = "gauging_station"
            name = "Bron"
            "#,
        );
        home.write("fleet/devices.toml", "");
        home.write("fleet/deployments.toml", "");
        home.add_device(WATER, "elsys/elt-2");
        home.add_deployment(WATER, "badplatsen", "2020-01-01T00:00:00Z", None);
        home.add_device(ELSEWHERE, "elsys/elt-2");
        home.add_deployment(ELSEWHERE, "bron", "2020-01-01T00:00:00Z", None);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn store_file(&self) -> PathBuf {
        self.path("data/stadspuls.sqlite")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes the configuration: an API on a port of its own, and what the test adds.
    pub fn configure(&self, sections: &str) {
        let api = "[api]\nbind = \"127.0.0.1:0\"\nstaff_token = { file = \"staff.token\" }\n";
        self.write("stadspuls.toml", &format!("{api}\n{sections}"));
    }

    pub fn config(&self) -> PathBuf {
        self.path("stadspuls.toml")
    }

    pub fn add_device(&self, dev_eui: &str, profile: &str) {
        let device = format!("[[device]]\ndev_eui = \"{dev_eui}\"\nprofile = \"{profile}\"\n\n");
        self.append("fleet/devices.toml", &device);
    }

    pub fn add_deployment(&self, dev_eui: &str, site: &str, from: &str, until: Option<&str>) {
        let until = until.map(|until| format!("until = {until}\n")).unwrap_or_default();
        let deployment = format!(
            "[[deployment]]\ndev_eui = \"{dev_eui}\"\nsite = \"{site}\"\nfrom = {from}\n{until}\n"
        );
        self.append("fleet/deployments.toml", &deployment);
    }

    fn append(&self, name: &str, text: &str) {
        let before = self.read(name);
        self.write(name, &(before + text));
    }
}
