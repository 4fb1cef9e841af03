//! The least that anybody can do with a parked uplink: a client that acknowledges it and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

use crate::usage::own_process;

/// As the service subscribes.
pub const FILTER: &str = "application/+/device/+/event/+";

const REQUESTS: usize = 65_535 + 16;
const SESSION_SECONDS: u32 = 86_400;

fn client(broker: SocketAddr, client_id: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, broker.ip().to_string(), broker.port());
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(SESSION_SECONDS))
        .set_receive_maximum(Some(100))
        .set_keep_alive(Duration::from_secs(60))
        .set_manual_acks(true);
    AsyncClient::new(options, REQUESTS)
}

async fn leave(client: &AsyncClient, events: &mut EventLoop) -> Result<()> {
    client.try_disconnect()?;
    // It ends with an error, since the broker hangs up.
    while events.poll().await.is_ok() {}
    Ok(())
}

/// Makes a durable session in which uplinks will be parked.
pub async fn park(broker: SocketAddr, client_id: &str) -> Result<()> {
    let (client, mut events) = client(broker, client_id);
    client.try_subscribe(FILTER, QoS::AtLeastOnce)?;
    while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
    leave(&client, &mut events).await
}

/// Acknowledges all uplinks of a session. Returns what that has used of the processor.
pub fn drain(broker: SocketAddr, client_id: &str, uplinks: u64) -> Result<Duration> {
    // One thread and nothing else: no less can be done.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let before = own_process();
        let (client, mut events) = client(broker, client_id);
        let mut taken = 0;
        while taken < uplinks {
            match events.poll().await? {
                Event::Incoming(Packet::ConnAck(accepted)) if !accepted.session_present => {
                    bail!("the broker has forgotten what was parked");
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    events.state.await_pingresp = false;
                    client.try_ack(&publish).context("acknowledgements pile up")?;
                    taken += 1;
                }
                _ => {}
            }
        }
        leave(&client, &mut events).await?;
        Ok(own_process().saturating_sub(before))
    })
}
