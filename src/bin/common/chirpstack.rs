//! What ChirpStack v4 publishes of an uplink: 1.3 kB, with two gateways and what its own codec made
//! of the payload.

pub struct Uplink<'a> {
    pub id: &'a str,
    pub time: Option<&'a str>,
    pub dev_eui: u64,
    pub f_cnt: u32,
    /// The payload in base64.
    pub data: &'a str,
    /// What `ChirpStack`'s codec made of it, JSON.
    pub object: &'a str,
    pub gateway_time: &'a str,
    pub server_time: &'a str,
    pub uplink_id: u32,
    /// RSSI, SNR and context of each gateway.
    pub heard: [(i16, f64, &'a str); 2],
}

pub fn body(uplink: &Uplink<'_>) -> String {
    let time = uplink.time.map(|time| format!("\"time\":\"{time}\",")).unwrap_or_default();
    let [near, far] = uplink.heard;
    format!(
        concat!(
            r#"{{"deduplicationId":"{id}",{time}"deviceInfo":{{"tenantId":"52f14cd4-c6f1-4fbd-8f87-4025e1d49242","#,
            r#""tenantName":"Kommunen","applicationId":"3b1d6c52-1e0f-4a57-8f6c-0a1de1b6a001","applicationName":"Badplatser","#,
            r#""deviceProfileId":"14855bf7-d10d-4aee-b618-ebfcb64dc7ad","deviceProfileName":"Elsys ELT-2","#,
            r#""deviceName":"provgivare","devEui":"{dev_eui:016x}","deviceClassEnabled":"CLASS_A","tags":{{"plats":"bryggan"}}}},"#,
            r#""devAddr":"01a4c39e","adr":true,"dr":3,"fCnt":{f_cnt},"fPort":5,"confirmed":false,"data":"{data}","object":{object},"#,
            r#""margin":7,"batteryLevel":91.5,"rxInfo":["#,
            r#"{{"gatewayId":"e45f01fffe7a3c11","uplinkId":{uplink_id},"gwTime":"{gateway_time}","nsTime":"{server_time}","#,
            r#""rssi":{near_rssi},"snr":{near_snr},"channel":2,"rfChain":1,"location":{{"latitude":57.93,"longitude":12.53,"altitude":98}},"#,
            r#""context":"{near_context}","metadata":{{"region_config_id":"eu868","region_common_name":"EU868"}},"crcStatus":"CRC_OK"}},"#,
            r#"{{"gatewayId":"e45f01fffe7a3c12","uplinkId":{uplink_id},"rssi":{far_rssi},"snr":{far_snr},"channel":2,"context":"{far_context}","#,
            r#""metadata":{{"region_config_id":"eu868","region_common_name":"EU868"}},"crcStatus":"CRC_OK"}}],"#,
            r#""txInfo":{{"frequency":868300000,"modulation":{{"lora":{{"bandwidth":125000,"spreadingFactor":9,"codeRate":"CR_4_5"}}}}}}}}"#
        ),
        id = uplink.id,
        time = time,
        dev_eui = uplink.dev_eui,
        f_cnt = uplink.f_cnt,
        data = uplink.data,
        object = uplink.object,
        gateway_time = uplink.gateway_time,
        server_time = uplink.server_time,
        uplink_id = uplink.uplink_id,
        near_rssi = near.0,
        near_snr = near.1,
        near_context = near.2,
        far_rssi = far.0,
        far_snr = far.1,
        far_context = far.2,
    )
}
