//! The folder of a run: configuration, fleet, catalogue, and the disk that the store lies on.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::run;
use crate::envelope::BODY_BYTES;
use crate::plan::{DEPLOYED, HANGING, Way, dev_eui, site};
use crate::post::TOKEN;

const BALLAST: &str = "ballast";

pub struct Ground {
    pub dir: PathBuf,
    /// The store lies on a small disk of its own, which can be filled.
    pub own_disk: bool,
}

/// Where the service listens and what it subscribes to.
pub struct Addresses {
    pub http: SocketAddr,
    pub listener: SocketAddr,
    /// The broker as the service sees it, behind a proxy.
    pub broker: SocketAddr,
}

impl Ground {
    /// Makes the folder, with a disk of its own for the store where that is allowed.
    pub fn make(dir: &Path, disk_bytes: Option<u64>) -> Result<Self> {
        fs::create_dir_all(dir.join("data"))?;
        fs::create_dir_all(dir.join("broker"))?;
        let dir = dir.canonicalize()?;
        let own_disk = disk_bytes.is_some_and(|bytes| mount(&dir.join("data"), bytes));
        Ok(Self { dir, own_disk })
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub fn store_file(&self) -> PathBuf {
        self.data().join("stadspuls.sqlite")
    }

    pub fn config(&self) -> PathBuf {
        self.dir.join("stadspuls.toml")
    }

    pub fn write_config(&self, ways: &[Way], addresses: &Addresses) -> Result<()> {
        self.write("token", TOKEN)?;
        let mut config = format!(
            "[api]\nbind = \"{}\"\n[fleet]\ndir = \"fleet\"\n[catalog]\npaths = [\"decoders\"]\n\
             [limits]\nbody_bytes = {BODY_BYTES}\nuplink_behind_max = \"7300d\"\n",
            addresses.http
        );
        for way in ways {
            let section = match way {
                Way::Mosquitto => format!(
                    "[source.mosquitto]\nbroker = \"mqtt://{}\"\nclient_id = \"stadspuls\"\n\
                     filters = [\"application/+/device/+/event/+\"]\nkeep_alive = \"5s\"\n",
                    addresses.broker
                ),
                Way::Listener => {
                    format!("[listener.listener]\nbind = \"{}\"\n", addresses.listener)
                }
                Way::Http => "[ingest.http]\nformat = \"plain-json\"\n\
                              token = { file = \"token\" }\n"
                    .to_owned(),
            };
            config.push_str(&section);
        }
        self.write("stadspuls.toml", &config)?;
        self.write_catalogue()?;
        self.write_fleet(ways)
    }

    fn write_catalogue(&self) -> Result<()> {
        self.write(
            "decoders/faults/vendor.toml",
            "name = \"Faults\"\nhomepage = \"https://example.se\"\n",
        )?;
        self.write(
            "decoders/faults/hang.js",
            "function decodeUplink(input) {\n  while (input.bytes[0] !== 0) {}\n  return { data: { t: 1 } };\n}\n",
        )?;
        self.write(
            "decoders/faults/hang.toml",
            "name = \"Hang\"\ndatasheet = \"https://example.se/hang\"\ninterval = \"1h\"\n\
             [[measurement]]\nfrom = \"t\"\nquantity = \"water_temperature\"\n\
             [[example]]\nname = \"ends\"\nf_port = 5\npayload = \"00\"\nexpect = { water_temperature = 1.0 }\n",
        )
    }

    fn write_fleet(&self, ways: &[Way]) -> Result<()> {
        let (mut sites, mut devices, mut deployments) =
            (String::new(), String::new(), String::new());
        for &way in ways {
            for device in 0..=HANGING {
                let profile = if device < DEPLOYED { "elsys/elt-2" } else { "faults/hang" };
                let (eui, site) = (dev_eui(way, device), site(way, device));
                sites += &format!(
                    "[[site]]\nid = \"{site}\"\nkind = \"gauging_station\"\nname = \"{site}\"\n"
                );
                devices +=
                    &format!("[[device]]\ndev_eui = \"{eui:016x}\"\nprofile = \"{profile}\"\n");
                deployments += &format!(
                    "[[deployment]]\ndev_eui = \"{eui:016x}\"\nsite = \"{site}\"\nfrom = 1960-01-01T00:00:00Z\n"
                );
            }
        }
        self.write("fleet/sites.toml", &sites)?;
        self.write("fleet/devices.toml", &devices)?;
        self.write("fleet/deployments.toml", &deployments)
    }

    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        Ok(fs::write(path, text)?)
    }

    /// Takes all that is left of the store's disk.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.data().join(BALLAST))?;
        let block = vec![0; 64 * 1024];
        // Until it is refused, then once more with less: no page is to be left.
        for size in [block.len(), 4096] {
            while ballast.write_all(block.get(..size).unwrap_or_default()).is_ok() {}
        }
        Ok(())
    }

    pub fn make_room(&self) {
        match fs::remove_file(self.data().join(BALLAST)) {
            // There may be none: the disk is then as it should be.
            Ok(()) | Err(_) => {}
        }
    }

    /// Leaves no disk behind; a store that is to be looked at is copied out of it.
    pub fn leave(&self, keep: bool) -> Result<()> {
        self.make_room();
        if self.own_disk {
            if keep {
                run("cp", &["-a", &text(&self.data()), &text(&self.dir.join("data-kept"))])?;
            }
            run("umount", &["--lazy", &text(&self.data())])?;
        }
        if !keep {
            fs::remove_dir_all(&self.dir)?;
        }
        Ok(())
    }
}

fn mount(at: &Path, bytes: u64) -> bool {
    let options = format!("size={bytes}");
    run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &text(at)]).is_ok()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
