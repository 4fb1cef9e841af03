//! The contexts that scripts run in, and the limits around them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rquickjs::context::EvalOptions;
use rquickjs::context::intrinsic::{
    Date, Eval, Json, MapSet, Promise, RegExp, RegExpCompiler, TypedArrays,
};
use rquickjs::{Array, Context, Ctx, FromJs, Function, Object, Persistent, Runtime, Value};

use super::thrown::describe;
use super::{CodecError, CodecInput, CodecLimits, CodecOutput, output};

/// What a codec may use of the language. Weak references and the performance clock would let one run differ from another, and a
/// `Proxy` would pass for an array of any length.
type Intrinsics = (Date, Eval, RegExpCompiler, RegExp, Json, MapSet, TypedArrays, Promise);

/// The engine collects cycles when its heap has grown by this much. Each uplink leaves a few kilobytes of them, and
/// a collection walks the whole heap.
const GC_THRESHOLD_BYTES: usize = 1 << 20;

const PRELUDE: &str = include_str!("prelude.js");
const GUARD: &str = include_str!("guard.js");
const SEAL: &str = include_str!("seal.js");
const SIMPLIFY: &str = include_str!("simplify.js");
const BUFFER: &str = include_str!("buffer.js");

/// Names that `buffer.js` defines. It takes half of the cost of a context, and few scripts use it.
const BUFFER_NAMES: [&str; 5] = ["Buffer", "atob", "btoa", "TextDecoder", "TextEncoder"];

/// Finds the decoder of a script that has run: a definition, or what it exports.
const FIND_DECODER: &str = "typeof decodeUplink === 'function' ? decodeUplink \
     : typeof module.exports === 'function' ? module.exports \
     : module.exports.decodeUplink || exports.decodeUplink";

/// A context with a script in it.
pub(super) struct Realm {
    // Values of the engine are dropped before their context.
    decode: Persistent<Function<'static>>,
    host: Persistent<Object<'static>>,
    context: Context,
    name: String,
    watch: Rc<Watch>,
    limits: CodecLimits,
}

/// What the engine and the Rust side tell each other while a script runs.
struct Watch {
    /// As long as a script may run.
    time: Duration,
    timer: Cell<Timer>,
    expired: Cell<bool>,
    broke_engine: Cell<bool>,
    /// The engine's message about the first thing it refused the script, caught or not.
    refusal: RefCell<Option<String>>,
}

/// The clock is a call of the kernel, dearer than many a script. So it is read when the engine first asks,
/// which it does after some ten thousand steps, and most scripts are done by then.
#[derive(Clone, Copy)]
enum Timer {
    Off,
    Started,
    /// As [`thread_time`] counts.
    Until(Duration),
}

impl Watch {
    fn new(time: Duration) -> Self {
        Self {
            time,
            timer: Cell::new(Timer::Off),
            expired: Cell::default(),
            broke_engine: Cell::default(),
            refusal: RefCell::default(),
        }
    }

    fn start(&self) {
        self.expired.set(false);
        self.refusal.replace(None);
        self.timer.set(Timer::Started);
    }

    fn is_running(&self) -> bool {
        !matches!(self.timer.get(), Timer::Off)
    }

    fn stop(&self) {
        self.timer.set(Timer::Off);
    }

    fn is_expired(&self) -> bool {
        let expired = match self.timer.get() {
            Timer::Off => false,
            Timer::Started => {
                self.timer.set(Timer::Until(thread_time().saturating_add(self.time)));
                false
            }
            Timer::Until(deadline) => thread_time() >= deadline,
        };
        if expired {
            self.expired.set(true);
        }
        expired
    }
}

/// What this thread has used of the processor. A machine that stands still for a moment, as virtual
/// ones do, must not make a good codec fail.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl Realm {
    /// A context for many uplinks: sealed, the script compiled as a function that each uplink calls anew, or called
    /// here where `definitions` are all that it makes, which are then sealed too.
    ///
    /// `undeclared` are the names of variables that the script uses without declaring them.
    pub(super) fn kept(
        name: &str,
        source: &str,
        undeclared: &[String],
        definitions: Option<&[String]>,
        limits: &CodecLimits,
    ) -> Result<Self, CodecError> {
        let realm = Self::empty(name, source, limits)?;
        realm.run(|ctx, host| {
            host.get::<_, Function>("declare")?.call::<_, ()>((undeclared.to_vec(),))?;
            host.set("tools", evaluate::<Object>(ctx, "simplify", SIMPLIFY)?)?;
            let seal: Function = evaluate(ctx, "seal", SEAL)?;
            let watch = Rc::clone(&realm.watch);
            let refused = Function::new(ctx.clone(), move |message: String| {
                watch.refusal.borrow_mut().get_or_insert(message);
            })?;
            let freeze: Function = seal.call((host.clone(), refused))?;
            // The script starts on the first line, so that its line numbers are right.
            if let Some(definitions) = definitions {
                let names = definitions.join(", ");
                let factory = format!("\"use strict\"; (function () {{{source}\n;return {{{names}}};\n}})");
                let made: Object = evaluate::<Function>(ctx, name, factory)?.call(())?;
                freeze.call::<_, ()>((vec![made.clone()],))?;
                let decoder: Function = made.get("decodeUplink")?;
                return host.get::<_, Function>("setDecoder")?.call::<_, ()>((decoder,));
            }
            let factory = format!("\"use strict\"; (function (module, exports) {{{source}\n;return {FIND_DECODER};\n}})");
            let load: Function = evaluate(ctx, name, factory)?;
            host.get::<_, Function>("setLoad")?.call::<_, ()>((load,))
        })?;
        Ok(realm)
    }

    /// A context for one uplink: the script runs as in a browser, and its time counts from here.
    pub(super) fn fresh(
        name: &str,
        source: &str,
        limits: &CodecLimits,
        now: DateTime<Utc>,
    ) -> Result<Self, CodecError> {
        let realm = Self::empty(name, source, limits)?;
        realm.watch.start();
        realm.run(|ctx, host| {
            host.get::<_, Function>("setClock")?.call::<_, ()>((milliseconds(now),))?;
            let module = Object::new(ctx.clone())?;
            let exports = Object::new(ctx.clone())?;
            module.set("exports", exports.clone())?;
            ctx.globals().set("module", module)?;
            ctx.globals().set("exports", exports)?;
            evaluate::<Value>(ctx, name, source)?;
            let load: Function =
                evaluate(ctx, "load", format!("(function () {{ return {FIND_DECODER}; }})"))?;
            host.get::<_, Function>("setLoad")?.call::<_, ()>((load,))
        })?;
        Ok(realm)
    }

    fn empty(name: &str, source: &str, limits: &CodecLimits) -> Result<Self, CodecError> {
        let out_of_memory = |_| CodecError::Memory(limits.memory_bytes);
        let runtime = Runtime::new().map_err(out_of_memory)?;
        runtime.set_max_stack_size(limits.stack_bytes);
        runtime.set_gc_threshold(GC_THRESHOLD_BYTES);
        let watch = Rc::new(Watch::new(limits.time));
        let alarm = Rc::clone(&watch);
        runtime.set_interrupt_handler(Some(Box::new(move || alarm.is_expired())));
        let context = Context::custom::<Intrinsics>(&runtime).map_err(out_of_memory)?;
        let made = context.with(|ctx| {
            let make = || {
                let host: Object = evaluate(&ctx, "prelude", PRELUDE)?;
                evaluate::<Value>(&ctx, "guard", GUARD)?;
                if BUFFER_NAMES.iter().any(|name| source.contains(name)) {
                    evaluate::<Value>(&ctx, "buffer", BUFFER)?;
                }
                let decode: Function = host.get("decode")?;
                Ok((Persistent::save(&ctx, decode), Persistent::save(&ctx, host)))
            };
            make().map_err(|error| describe(&ctx, error, name, limits))
        });
        let (decode, host) = made?;
        // The limit is for the script. Reached while the engine sets itself up, it would only cut the set-up short.
        runtime.set_memory_limit(limits.memory_bytes);
        Ok(Self { decode, host, context, name: name.to_owned(), watch, limits: limits.clone() })
    }

    /// Whether the script has a `decodeUplink`.
    pub(super) fn check_decoder(&self) -> Result<(), CodecError> {
        let found =
            self.run(|_, host| host.get::<_, Function>("hasDecoder")?.call::<_, bool>(()))?;
        if found { Ok(()) } else { Err(CodecError::NoDecoder) }
    }

    /// Decodes one uplink.
    pub(super) fn decode(&self, input: &CodecInput<'_>) -> Result<CodecOutput, CodecError> {
        // In a fresh context the script's own run has started the time.
        if !self.watch.is_running() {
            self.watch.start();
        }
        let output = self.context.with(|ctx| {
            let read = || {
                let host = self.host.clone().restore(&ctx)?;
                let result = self.call(&ctx, input)?;
                output::read(host, &self.limits, result)
            };
            read().map_err(|stop| match stop {
                output::Stop::Codec(error) => error,
                output::Stop::Engine(error) => self.verdict(&ctx, error),
            })
        });
        self.watch.stop();
        // Time is up even if the script or the engine has swallowed the interrupt, as an async function does.
        if self.watch.expired.get() { Err(CodecError::Time(self.limits.time)) } else { output }
    }

    fn call<'js>(
        &self,
        ctx: &Ctx<'js>,
        input: &CodecInput<'_>,
    ) -> Result<Value<'js>, rquickjs::Error> {
        let decode = self.decode.clone().restore(ctx)?;
        let variables = Object::new(ctx.clone())?;
        for (key, value) in input.variables {
            variables.set(key.as_str(), value.as_str())?;
        }
        let bytes = Array::new(ctx.clone())?;
        for (index, byte) in input.bytes.iter().enumerate() {
            bytes.set(index, i32::from(*byte))?;
        }
        decode.call((bytes, input.f_port, milliseconds(input.recv_time), variables))
    }

    /// What the engine first refused the script, such as a write to what is sealed or undeclared, even if the script
    /// caught the error.
    pub(super) fn refusal(&self) -> Option<String> {
        self.watch.refusal.borrow().clone()
    }

    /// Whether the next uplink may use this context: not after it was interrupted or ran out of something, nor with
    /// jobs of promises left that would pile up.
    pub(super) fn is_reusable(&self) -> bool {
        !self.watch.expired.get()
            && !self.watch.broke_engine.get()
            && !self.context.runtime().is_job_pending()
    }

    fn run<R>(
        &self,
        work: impl for<'js> FnOnce(&Ctx<'js>, &Object<'js>) -> Result<R, rquickjs::Error>,
    ) -> Result<R, CodecError> {
        self.context.with(|ctx| {
            let done = self.host.clone().restore(&ctx).and_then(|host| work(&ctx, &host));
            done.map_err(|error| self.verdict(&ctx, error))
        })
    }

    fn verdict(&self, ctx: &Ctx<'_>, error: rquickjs::Error) -> CodecError {
        let described = describe(ctx, error, &self.name, &self.limits);
        if matches!(described, CodecError::Memory(_) | CodecError::Stack(_)) {
            self.watch.broke_engine.set(true);
        }
        if self.watch.expired.get() { CodecError::Time(self.limits.time) } else { described }
    }
}

/// The functions of `simplify.js`. A fresh context gets them when its output first needs them.
pub(super) fn tools<'js>(host: &Object<'js>) -> Result<Object<'js>, rquickjs::Error> {
    if let Some(tools) = host.get::<_, Option<Object>>("tools")? {
        return Ok(tools);
    }
    let tools: Object = evaluate(host.ctx(), "simplify", SIMPLIFY)?;
    host.set("tools", tools.clone())?;
    Ok(tools)
}

fn evaluate<'js, V: FromJs<'js>>(
    ctx: &Ctx<'js>,
    name: &str,
    source: impl Into<Vec<u8>>,
) -> Result<V, rquickjs::Error> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.to_owned());
    ctx.eval_with_options(source, options)
}

/// As JavaScript counts time. A double holds every millisecond that chrono has.
#[expect(clippy::cast_precision_loss, reason = "exact up to the year 287396")]
fn milliseconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64
}
