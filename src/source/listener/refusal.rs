use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError,
};

/// Why a connection or a request was refused: the label in the metrics, the words in the log
/// and the code told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no CONNECT arrived in time")]
    ConnectTimeout,
    #[error("the TLS handshake failed")]
    Tls,
    #[error("the protocol is neither MQTT 3.1.1 nor MQTT 5")]
    ProtocolVersion,
    #[error("user or password is missing")]
    NoCredentials,
    #[error("user or password is wrong")]
    BadCredentials,
    #[error("extended authentication is not supported")]
    AuthenticationMethod,
    #[error("the client identifier is not acceptable")]
    ClientIdentifier,
    #[error("as many clients are connected as the limit allows")]
    TooManyConnections,
    #[error("a packet is malformed")]
    Malformed,
    #[error("a packet breaks the protocol")]
    ProtocolError,
    #[error("QoS 2 was announced as not supported")]
    QosTwo,
    #[error("the topic is empty, too long, reserved or has wildcards")]
    TopicName,
    #[error("topic aliases were announced as not supported")]
    TopicAlias,
    #[error("a packet is larger than the limit")]
    PacketTooLarge,
    #[error("more publishes are unacknowledged than was announced")]
    ReceiveMaximum,
    #[error("nothing can be subscribed to here")]
    Subscription,
}

impl Refusal {
    /// The value of the label `reason`.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::ProtocolVersion => "protocol_version",
            Self::NoCredentials => "no_credentials",
            Self::BadCredentials => "bad_credentials",
            Self::AuthenticationMethod => "authentication_method",
            Self::ClientIdentifier => "client_identifier",
            Self::TooManyConnections => "too_many_connections",
            Self::Malformed => "malformed",
            Self::ProtocolError => "protocol_error",
            Self::QosTwo => "qos_two",
            Self::TopicName => "topic_name",
            Self::TopicAlias => "topic_alias",
            Self::PacketTooLarge => "packet_too_large",
            Self::ReceiveMaximum => "receive_maximum",
            Self::Subscription => "subscription",
        }
    }

    /// MQTT 5, 3.2.2.2.
    pub(super) const fn connect_reason(self) -> ConnectReasonCode {
        match self {
            Self::ProtocolVersion => ConnectReasonCode::UnsupportedProtocolVersion,
            Self::NoCredentials => ConnectReasonCode::NotAuthorized,
            Self::BadCredentials => ConnectReasonCode::BadUserNameOrPassword,
            Self::AuthenticationMethod => ConnectReasonCode::BadAuthenticationMethod,
            Self::ClientIdentifier => ConnectReasonCode::ClientIdentifierNotValid,
            Self::TooManyConnections => ConnectReasonCode::ServerBusy,
            Self::Malformed => ConnectReasonCode::MalformedPacket,
            Self::PacketTooLarge => ConnectReasonCode::PacketTooLarge,
            _ => ConnectReasonCode::ProtocolError,
        }
    }

    /// MQTT 3.1.1, 3.2.2.3. None where that version closes without a word.
    pub(super) const fn return_code(self) -> Option<ConnectReturnCode> {
        match self {
            Self::ProtocolVersion => Some(ConnectReturnCode::UnacceptableProtocolVersion),
            Self::NoCredentials => Some(ConnectReturnCode::NotAuthorized),
            Self::BadCredentials => Some(ConnectReturnCode::BadUserNameOrPassword),
            Self::ClientIdentifier => Some(ConnectReturnCode::IdentifierRejected),
            Self::TooManyConnections => Some(ConnectReturnCode::ServerUnavailable),
            _ => None,
        }
    }

    /// MQTT 5, 3.14.2.1.
    pub(super) const fn disconnect_reason(self) -> DisconnectReasonCode {
        match self {
            Self::Malformed => DisconnectReasonCode::MalformedPacket,
            Self::QosTwo => DisconnectReasonCode::QosNotSupported,
            Self::TopicName => DisconnectReasonCode::TopicNameInvalid,
            Self::TopicAlias => DisconnectReasonCode::TopicAliasInvalid,
            Self::PacketTooLarge => DisconnectReasonCode::PacketTooLarge,
            Self::ReceiveMaximum => DisconnectReasonCode::ReceiveMaximumExceeded,
            _ => DisconnectReasonCode::ProtocolError,
        }
    }
}

impl From<MqttError> for Refusal {
    fn from(error: MqttError) -> Self {
        match error {
            MqttError::MalformedPacket => Self::Malformed,
            MqttError::UnsupportedProtocolVersion => Self::ProtocolVersion,
            MqttError::ClientIdentifierNotValid => Self::ClientIdentifier,
            MqttError::BadUserNameOrPassword => Self::BadCredentials,
            MqttError::PacketTooLarge => Self::PacketTooLarge,
            MqttError::ReceiveMaximumExceeded => Self::ReceiveMaximum,
            MqttError::TopicAliasInvalid => Self::TopicAlias,
            MqttError::TopicNameInvalid => Self::TopicName,
            _ => Self::ProtocolError,
        }
    }
}
