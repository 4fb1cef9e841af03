use crate::envelope::Content;
use crate::model::{Observation, Quality};
use crate::pipeline::Pipeline;
use crate::store::{HourSpan, Inspector, StoreError, StoredMessage, UplinkId};

/// What would be otherwise if every kept uplink came today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Uplinks that were decoded again.
    pub uplinks: u64,
    /// Observations that would be just the same.
    pub same: u64,
    /// Those with another value or quality.
    pub changed: u64,
    /// Those that are not in the store.
    pub new: u64,
    /// Those in the store that would not be made.
    pub gone: u64,
}

impl Differences {
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.changed + self.new + self.gone
    }
}

/// Decodes uplinks again and keeps count.
pub struct Decoder {
    pipeline: Pipeline,
    differences: Differences,
    /// Observations of the store that are of uplinks that can be decoded again.
    kept: u64,
    /// Those of them that were made again, the same or changed.
    met: u64,
}

impl Decoder {
    pub fn new(pipeline: Pipeline) -> Self {
        Self { pipeline, differences: Differences::default(), kept: 0, met: 0 }
    }

    /// Compares what an uplink says today with what is kept of it.
    pub fn compare(
        &mut self,
        inspector: &Inspector,
        span: HourSpan,
        id: UplinkId,
        message: &StoredMessage,
        content: &Content,
    ) -> Result<(), StoreError> {
        if !matches!(content, Content::Uplink(_)) {
            return Ok(());
        }
        self.differences.uplinks += 1;
        for observation in self.pipeline.decode_again(message, content) {
            self.compare_one(inspector, span, id, &observation)?;
        }
        Ok(())
    }

    fn compare_one(
        &mut self,
        inspector: &Inspector,
        span: HourSpan,
        id: UplinkId,
        observation: &Observation,
    ) -> Result<(), StoreError> {
        let Observation { site, quantity, time, value, quality } = observation;
        match inspector.observation(site, quantity, *time)? {
            None => self.differences.new += 1,
            // A later uplink has said something of the same site, quantity and time.
            Some(kept) if kept.uplink > id => {}
            Some(kept) => {
                let is_own = kept.uplink == id;
                self.met += u64::from(is_own && span.holds(*time));
                // What its series has said of a reading is not for its uplink to say.
                let is_as_good = kept.quality == *quality
                    || *quality == Quality::Good && kept.quality.is_left_to_history();
                let is_same = kept.value.to_bits() == value.to_bits() && is_as_good;
                self.differences.same += u64::from(is_same && is_own);
                self.differences.changed += u64::from(!is_same);
            }
        }
        Ok(())
    }

    /// Takes note of observations that could be made again.
    pub fn count_kept(&mut self, observations: u64) {
        self.kept += observations;
    }

    pub fn into_differences(self) -> Differences {
        Differences { gone: self.kept.saturating_sub(self.met), ..self.differences }
    }
}
