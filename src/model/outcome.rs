/// What became of a message. Each ledger row has exactly one; received is their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// At least one observation was stored.
    Stored,
    /// The same uplink or event was received before.
    Duplicate,
    /// Nobody has registered this DevEUI.
    UnknownDevice,
    /// The device is registered but stood at no site at that time.
    NotDeployed,
    /// The device's profile is not in the catalogue.
    UnknownProfile,
    /// The codec threw, hung, reported errors or returned something unusable.
    CodecError,
    /// A sign of life without measurements: MAC-only frames, start-up messages.
    NothingMeasured,
    /// The payload is still encrypted with the application key.
    Encrypted,
    /// Someone tried the network server's console; no device sent it.
    Simulated,
    /// Join, status, location or log: it updates the device's health.
    Event,
    /// An event of a kind that carries nothing for us.
    Ignored,
    /// The envelope could not be read.
    Rejected,
    /// The body was over the size limit; its beginning is kept.
    TooLarge,
}

impl Outcome {
    pub const ALL: [Self; 13] = [
        Self::Stored,
        Self::Duplicate,
        Self::UnknownDevice,
        Self::NotDeployed,
        Self::UnknownProfile,
        Self::CodecError,
        Self::NothingMeasured,
        Self::Encrypted,
        Self::Simulated,
        Self::Event,
        Self::Ignored,
        Self::Rejected,
        Self::TooLarge,
    ];

    /// The name in ledger, metrics and API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::UnknownDevice => "unknown_device",
            Self::NotDeployed => "not_deployed",
            Self::UnknownProfile => "unknown_profile",
            Self::CodecError => "codec_error",
            Self::NothingMeasured => "nothing_measured",
            Self::Encrypted => "encrypted",
            Self::Simulated => "simulated",
            Self::Event => "event",
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
            Self::TooLarge => "too_large",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}
