use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::city::{City, Flavour, State, set_up};

/// Sets up a new city's folder: configuration, an empty fleet, and secrets of its own.
///
/// Each file says in sentences what it is for. Secrets are random, each in a file that only its owner can read;
/// none is printed, and nothing that is there is ever written again. Run a second time it says what is there,
/// and makes what is missing. What root makes belongs to the folder's owner, or to 10001, the user of the
/// container image.
#[derive(Args)]
pub struct Init {
    /// The city's folder, made if there is none. Where docker-compose.yml is used: as it is seen from there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// For the service of packaging/stadspuls.service instead of containers: addresses of this machine, the
    /// store in /var/lib/stadspuls.
    #[arg(long)]
    systemd: bool,
}

impl Init {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let flavour = if self.systemd { Flavour::Systemd } else { Flavour::Compose };
        let city = set_up(&self.dir, flavour)?;
        for item in &city.items {
            println!("{}", line(item.state, &item.name));
        }
        println!("{}", self.summary(&city));
        Ok(ExitCode::SUCCESS)
    }

    fn summary(&self, city: &City) -> String {
        let count = |state| city.items.iter().filter(|item| item.state == state).count();
        let (made, open) = (count(State::Made), count(State::Open));
        let (there, dir) = (city.items.len() - made, self.dir.display());
        let mut text = format!("\n{dir}: {made} made, {there} were there and are as they were");
        if made > 0 {
            text += &format!("; what was made belongs to {}", city.owner);
        }
        if open > 0 {
            text +=
                &format!("\n{open} of them can be read by others: chmod go= what is open above");
        }
        text + &format!(
            "\n\nNext: stadspuls check --config {}",
            self.dir.join("stadspuls.toml").display()
        )
    }
}

fn line(state: State, name: &str) -> String {
    let word = match state {
        State::Made => "made",
        State::Kept => "there",
        State::Open => "open",
    };
    format!("  {word:6} {name}")
}
