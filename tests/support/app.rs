use std::net::SocketAddr;

use stadspuls::app::{App, Prepared, StartError, prepare};
use stadspuls::config::Config;
use stadspuls::document::Faults;
use stadspuls::store::{Alert, AlertFilter, Change};
use tokio::runtime::Runtime;

use super::{Api, Home};

/// The service, in this process.
pub struct TestApp {
    pub api: Api,
    app: Option<App>,
    runtime: Runtime,
    home: Home,
}

impl TestApp {
    pub fn start(home: &Home) -> Self {
        match try_start(home) {
            Ok(started) => started,
            Err(error) => panic!("the service does not start: {error}"),
        }
    }

    pub fn listener(&self, name: &str) -> SocketAddr {
        let listeners = &self.app.as_ref().unwrap().listeners;
        listeners.iter().find(|(known, _)| known == name).expect("a listener of this name").1
    }

    /// Everything written to the observations, in order.
    pub fn changes(&self) -> Vec<Change> {
        let reader = self.app.as_ref().unwrap().reader.clone();
        self.runtime.block_on(reader.changes(0, 10_000)).unwrap()
    }

    /// Alerts, the newest first.
    pub fn alerts(&self, filter: AlertFilter) -> Vec<Alert> {
        let reader = self.app.as_ref().unwrap().reader.clone();
        self.runtime.block_on(reader.alerts(filter)).unwrap()
    }

    /// The newest value of a series that is not bad.
    pub fn latest(&self, site: &str, quantity: &str) -> Option<f64> {
        let reader = self.app.as_ref().unwrap().reader.clone();
        let latest = self.runtime.block_on(reader.latest(site.into(), quantity.into())).unwrap();
        latest.map(|latest| latest.value)
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Takes in what its files say now.
    pub fn reload(&self, home: &Home) {
        self.runtime.block_on(self.app.as_ref().unwrap().reload(prepared(home))).unwrap();
    }

    pub fn stop(mut self) {
        self.runtime.block_on(self.app.take().unwrap().stop());
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.stop());
        }
    }
}

/// Why the service does not start in this folder.
pub fn start_error(home: &Home) -> StartError {
    match try_start(home) {
        Ok(_) => panic!("the service starts"),
        Err(error) => error,
    }
}

fn prepared(home: &Home) -> Prepared {
    let faults = Faults::default();
    let config = Config::load(&home.config(), &faults);
    prepare(config, faults).unwrap_or_else(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("faults in the test's own files:\n{}", faults.join("\n"));
    })
}

fn try_start(home: &Home) -> Result<TestApp, StartError> {
    let prepared = prepared(home);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = runtime.block_on(App::start(prepared))?;
    Ok(TestApp { api: Api::at(app.http), app: Some(app), runtime, home: home.clone() })
}
