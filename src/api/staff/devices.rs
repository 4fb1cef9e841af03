use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::uplinks::dev_eui;
use super::views::LedgerJson;
use super::{StaffState, answer, instant};
use crate::api::error::Problem;
use crate::api::query::{Name, Params};
use crate::model::{Deployment, Device};
use crate::store::{DeviceState, UplinkFilter};

#[derive(Serialize)]
struct DeviceJson {
    dev_eui: String,
    /// Whether somebody has registered it; a device may be heard long before.
    registered: bool,
    registration: Option<RegistrationJson>,
    deployments: Vec<DeploymentJson>,
    state: Option<StateJson>,
    last_uplink: Option<LedgerJson>,
}

#[derive(Serialize)]
struct RegistrationJson {
    profile: String,
    name: Option<String>,
    variables: BTreeMap<String, String>,
}

impl From<&Device> for RegistrationJson {
    fn from(device: &Device) -> Self {
        Self {
            profile: device.profile.to_string(),
            name: device.name.clone(),
            variables: device.variables.clone(),
        }
    }
}

#[derive(Serialize)]
struct DeploymentJson {
    site: String,
    from: String,
    until: Option<String>,
}

impl From<&Deployment> for DeploymentJson {
    fn from(deployment: &Deployment) -> Self {
        Self {
            site: deployment.site.to_string(),
            from: instant(deployment.from),
            until: deployment.until.map(instant),
        }
    }
}

#[derive(Serialize)]
struct StateJson {
    first_heard_at: String,
    last_heard_at: String,
    device_name: Option<String>,
    session: Option<String>,
    f_cnt: Option<u32>,
    uplinks: u64,
    lost: u64,
    counter_resets: u64,
    rssi: Option<f64>,
    snr: Option<f64>,
    gateway_count: Option<u32>,
    gateways: Vec<String>,
    joined_at: Option<String>,
    status_at: Option<String>,
    margin_db: Option<i32>,
    battery_percent: Option<f64>,
    external_power: Option<bool>,
    lat: Option<f64>,
    lon: Option<f64>,
}

impl From<DeviceState> for StateJson {
    fn from(state: DeviceState) -> Self {
        Self {
            first_heard_at: instant(state.first_heard_at),
            last_heard_at: instant(state.last_heard_at),
            device_name: state.name,
            session: state.session,
            f_cnt: state.f_cnt,
            uplinks: state.uplinks,
            lost: state.lost,
            counter_resets: state.counter_resets,
            rssi: state.rssi,
            snr: state.snr,
            gateway_count: state.gateway_count,
            gateways: state.gateways,
            joined_at: state.joined_at.map(instant),
            status_at: state.status_at.map(instant),
            margin_db: state.margin_db,
            battery_percent: state.battery_percent,
            external_power: state.external_power,
            lat: state.location_deg.map(|(_, latitude)| latitude),
            lon: state.location_deg.map(|(longitude, _)| longitude),
        }
    }
}

/// `GET /api/v1/staff/devices/{dev_eui}`: what is registered and what has been heard
pub async fn find_device(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let dev_eui = dev_eui(&id)?;
    let device = staff.registry.device(dev_eui);
    let state = staff.reader.device(dev_eui).await?;
    let filter = UplinkFilter { dev_eui: Some(dev_eui), outcome: None, limit: 1 };
    let last_uplink = staff.reader.uplinks(filter).await?.pop();
    if device.is_none() && state.is_none() && last_uplink.is_none() {
        return Err(Problem::NotFound);
    }
    answer(&DeviceJson {
        dev_eui: dev_eui.to_string(),
        registered: device.is_some(),
        registration: device.map(RegistrationJson::from),
        deployments: staff.registry.deployments(dev_eui).iter().map(Into::into).collect(),
        state: state.map(StateJson::from),
        last_uplink: last_uplink.map(LedgerJson::from),
    })
}
