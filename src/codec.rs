//! Runs the payload codecs of device profiles: JavaScript with `decodeUplink`, as the `LoRa` Alliance's Payload Codec
//! API (TS013) and `ChirpStack` v4 have it.
//!
//! A codec comes from outside and decodes bytes that come from anywhere, so it is trusted with nothing: it has limits
//! on time, memory and output, no clock but the time of reception, no randomness, and no memory of earlier uplinks.
//! The same uplink decodes to the same values today and in a replay years later.
//!
//! A codec has one of two kinds of context. A *kept* one lives from uplink to uplink: its globals are
//! sealed, and the script is the body of a strict function that is called anew each time, or once and for all
//! where it defines nothing but functions and constants, which are then sealed as well. It costs a few microseconds.
//! A *fresh* one is made for a single uplink and runs the script as a browser would. It costs about a
//! millisecond and serves the scripts that cannot live with the seal. Variables that a script forgot to declare, the
//! commonest reason, are found out and given to its kept context instead.

mod output;
mod outset;
mod realm;
#[cfg(test)]
mod tests;
mod thrown;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use self::realm::Realm;

/// What one uplink may cost. Exceeding a limit fails that uplink and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecLimits {
    /// Longest run of a script for one uplink, in time of the processor; the slowest vendor codec known needs a hundredth of the default.
    /// An uplink that has to be tried again in a fresh context gets it twice.
    pub time: Duration,
    /// Most memory that the engine may hold for one codec, in bytes, its own built-ins (about 350 kB) included.
    pub memory_bytes: usize,
    /// Deepest stack of the engine, in bytes. It is the calling thread's own stack, which must be a good deal larger.
    pub stack_bytes: usize,
    /// Most values in one output, counting each object, list, text, number and truth value.
    pub output_nodes: usize,
    /// Most text in one output, keys included, in bytes of UTF-8.
    pub output_text_bytes: usize,
    /// Deepest nesting of objects and lists in one output; `data` itself is the first level.
    pub output_depth: usize,
    /// Longest script, in bytes. Parsing is not interrupted, so this is what bounds its time.
    pub source_bytes: usize,
}

impl Default for CodecLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(100),
            memory_bytes: 8 << 20,
            stack_bytes: 256 << 10,
            output_nodes: 10_000,
            output_text_bytes: 64 << 10,
            output_depth: 16,
            source_bytes: 512 << 10,
        }
    }
}

/// One uplink, as a codec gets it.
#[derive(Debug, Clone)]
pub struct CodecInput<'a> {
    /// Application payload, decrypted.
    pub bytes: &'a [u8],
    /// `LoRaWAN` port of the uplink.
    pub f_port: u8,
    /// When the uplink was received. It is also what the script's clock shows.
    pub recv_time: DateTime<Utc>,
    /// Settings of the device that the script may read as `input.variables`.
    pub variables: &'a BTreeMap<String, String>,
}

/// What `decodeUplink` returned. Serialises as TS013's `{"data": …, "warnings": […], "errors": […]}`.
///
/// Values are JSON's, by these rules. NaN and infinities count as no value, as do `undefined`, functions and symbols:
/// a key without a value is left out, in a list it becomes null. A whole number is an integer, so `20.0` reads `20`.
/// A `Date` is ISO 8601 text, a typed array or `Buffer` a list of numbers, a `Map` an object, a `Set` a list, an
/// `Error` its text. A `BigInt` beyond 64 bits is its decimal text. `toJSON` is not called.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CodecOutput {
    /// The decoded fields, under the vendor's names; empty when the script gave none.
    pub data: Map<String, Value>,
    /// Doubts of the script about the data.
    pub warnings: Vec<String>,
    /// Reasons of the script why the uplink could not be decoded; by TS013 there are no data beside them.
    pub errors: Vec<String>,
}

/// Why a codec does not load, or why an uplink got no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The script has a syntax error or threw.
    #[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Script {
        /// What was thrown, as text.
        message: String,
        /// Line of the script that threw, counted from 1; none when the value thrown does not know.
        line: Option<u32>,
    },
    /// The script loads but neither defines nor exports `decodeUplink`.
    #[error("the script has no function decodeUplink")]
    NoDecoder,
    /// [`CodecLimits::source_bytes`] is exceeded.
    #[error("the script has {bytes} bytes, more than {limit}")]
    Source {
        /// Length of the script.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// [`CodecLimits::time`] is exceeded.
    #[error("the script ran longer than {0:?}")]
    Time(Duration),
    /// [`CodecLimits::memory_bytes`] is exceeded.
    #[error("the script needed more than {0} bytes of memory")]
    Memory(usize),
    /// [`CodecLimits::stack_bytes`] is exceeded.
    #[error("the script's calls are nested deeper than {0} bytes of stack")]
    Stack(usize),
    /// The output breaks a limit.
    #[error("the output {0}")]
    Output(#[from] OutputFault),
    /// The script returned something else than TS013 asks for.
    #[error("decodeUplink returned {0}")]
    Shape(String),
}

/// How an output breaks its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutputFault {
    /// [`CodecLimits::output_nodes`] is exceeded.
    #[error("has more than {0} values")]
    Nodes(usize),
    /// [`CodecLimits::output_text_bytes`] is exceeded.
    #[error("has more than {0} bytes of text")]
    Text(usize),
    /// [`CodecLimits::output_depth`] is exceeded.
    #[error("is nested deeper than {0} levels")]
    Depth(usize),
    /// An object contains itself.
    #[error("contains itself")]
    Cycle,
}

impl CodecError {
    /// Whether a limit was hit. It would be hit again in another context.
    fn is_limit(&self) -> bool {
        !matches!(self, Self::Script { .. } | Self::NoDecoder | Self::Shape(_))
    }
}

/// How many undeclared variables of a script are worth finding one by one.
const UNDECLARED_MAX: usize = 32;

/// A script and the context it runs in.
///
/// It stays on the thread that loaded it. A kept context takes 350 to 420 kB; before its first uplink a codec has none.
pub struct Codec {
    name: String,
    source: String,
    limits: CodecLimits,
    context: ContextKind,
    /// Variables that the script was seen to use without declaring them.
    undeclared: Vec<String>,
    /// What the script defines, where it need not do so for each uplink.
    definitions: Option<Vec<String>>,
}

enum ContextKind {
    /// One context for all uplinks; none before the first and after one that broke a limit.
    Kept(Option<Realm>),
    /// A context for each uplink.
    Fresh,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let context = match self.context {
            ContextKind::Kept(_) => "kept",
            ContextKind::Fresh => "fresh",
        };
        f.debug_struct("Codec")
            .field("name", &self.name)
            .field("context", &context)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// Checks a script by running it once, without an uplink.
    ///
    /// `name` is what the script's own stack traces call it.
    ///
    /// # Errors
    ///
    /// [`CodecError::Source`] if it is too long, [`CodecError::NoDecoder`] if it has no `decodeUplink`, otherwise why it
    /// does not run.
    pub fn load(name: &str, source: &str, limits: CodecLimits) -> Result<Self, CodecError> {
        if source.len() > limits.source_bytes {
            return Err(CodecError::Source { bytes: source.len(), limit: limits.source_bytes });
        }
        // A script that is whole by itself cannot close the function it is later wrapped in, so this comes first.
        Realm::fresh(name, source, &limits, DateTime::UNIX_EPOCH)?.check_decoder()?;
        Ok(Self {
            name: name.to_owned(),
            source: source.to_owned(),
            limits,
            context: ContextKind::Kept(None),
            undeclared: Vec::new(),
            definitions: outset::definitions(source)
                .map(|names| names.into_iter().map(str::to_owned).collect()),
        })
    }

    /// The name it was loaded with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Decodes one uplink. Nothing of it, not even its failure, is visible to the next.
    ///
    /// A script that reports `errors` has succeeded in the sense of this function.
    ///
    /// # Errors
    ///
    /// [`CodecError`] if the script throws, breaks a limit or returns something that is not TS013's result.
    pub fn decode(&mut self, input: &CodecInput<'_>) -> Result<CodecOutput, CodecError> {
        let ContextKind::Kept(slot) = &mut self.context else {
            return self.decode_fresh(input);
        };
        let kept = match slot.take() {
            Some(realm) => Ok(realm),
            None => self.make_kept(),
        };
        // A script that only sloppy mode can parse does not get as far as a kept context.
        let Ok(realm) = kept else {
            self.context = ContextKind::Fresh;
            return self.decode_fresh(input);
        };
        let first = realm.decode(input);
        let refusal = realm.refusal();
        self.keep(realm);

        // What the script was refused it may need, and it may have caught the error and carried on wrongly. So it is tried
        // without the seal, and that answer counts.
        if refusal.is_none() || first.as_ref().is_err_and(CodecError::is_limit) {
            return first;
        }
        let fresh = self.decode_fresh(input);
        if fresh.is_ok() && fresh != first {
            self.adapt(input, refusal, &fresh);
        }
        fresh
    }

    fn make_kept(&mut self) -> Result<Realm, CodecError> {
        let make = |definitions| {
            Realm::kept(&self.name, &self.source, &self.undeclared, definitions, &self.limits)
        };
        match self.definitions.as_deref().map(|definitions| make(Some(definitions))) {
            Some(Ok(realm)) => return Ok(realm),
            Some(Err(_)) => self.definitions = None,
            None => {}
        }
        Realm::kept(&self.name, &self.source, &self.undeclared, None, &self.limits)
    }

    fn decode_fresh(&self, input: &CodecInput<'_>) -> Result<CodecOutput, CodecError> {
        Realm::fresh(&self.name, &self.source, &self.limits, input.recv_time)?.decode(input)
    }

    /// Keeps a context for the next uplink if it is fit for one.
    fn keep(&mut self, realm: Realm) {
        self.context = ContextKind::Kept(realm.is_reusable().then_some(realm));
    }

    /// Finds a context that gives the script what the kept one refused: one with its undeclared variables, or one in
    /// which it starts anew and writes to what it has made, where that is all it lacks, otherwise a fresh one for
    /// each uplink.
    fn adapt(
        &mut self,
        input: &CodecInput<'_>,
        mut refusal: Option<String>,
        wanted: &Result<CodecOutput, CodecError>,
    ) {
        self.context = ContextKind::Fresh;
        while self.undeclared.len() < UNDECLARED_MAX {
            // The engine says "name is not defined".
            match refusal.as_deref().and_then(|text| text.split_once(' ')) {
                Some((name, "is not defined")) if !self.undeclared.iter().any(|it| it == name) => {
                    self.undeclared.push(name.to_owned());
                }
                _ if self.definitions.take().is_some() => {}
                _ => return,
            }
            let Ok(realm) = self.make_kept() else { return };
            let output = realm.decode(input);
            refusal = realm.refusal();
            if refusal.is_none() && output == *wanted {
                self.keep(realm);
                return;
            }
        }
    }
}
