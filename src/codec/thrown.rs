//! What a failure inside the engine means to the one who reads it.

use rquickjs::convert::Coerced;
use rquickjs::{Ctx, Error, Object, Type, Value};

use super::{CodecError, CodecLimits};

/// The longest message of a script that is passed on, in bytes: enough for a sentence, too short to fill a store.
const MESSAGE_BYTES_MAX: usize = 1000;

/// Takes the pending exception and says what it was. `name` is the file name of the script in stack traces.
pub(super) fn describe(
    ctx: &Ctx<'_>,
    error: Error,
    name: &str,
    limits: &CodecLimits,
) -> CodecError {
    let message = match error {
        Error::Allocation => return CodecError::Memory(limits.memory_bytes),
        // Some conversions fail in the engine without saying that it has thrown.
        Error::Exception | Error::Unknown => return describe_thrown(&ctx.catch(), name, limits),
        other => other.to_string(),
    };
    CodecError::Script { message: shorten(message), line: None }
}

fn describe_thrown(thrown: &Value<'_>, name: &str, limits: &CodecLimits) -> CodecError {
    // Without memory for an exception the engine throws null, which a script has no reason to do.
    if matches!(thrown.type_of(), Type::Null | Type::Uninitialized) {
        return CodecError::Memory(limits.memory_bytes);
    }
    let Some(object) = thrown.as_object() else {
        let message = thrown
            .get::<Coerced<String>>()
            .map_or_else(|_| thrown.type_name().to_lowercase(), |text| text.0);
        return CodecError::Script { message: shorten(message), line: None };
    };
    let kind = text(object, "name").unwrap_or_default();
    let message = text(object, "message").unwrap_or_default();
    if thrown.is_error() {
        if kind == "InternalError" && message.starts_with("out of memory") {
            return CodecError::Memory(limits.memory_bytes);
        }
        if kind == "RangeError" && message == "Maximum call stack size exceeded" {
            return CodecError::Stack(limits.stack_bytes);
        }
    }
    let line = text(object, "stack").and_then(|stack| line_in(&stack, name));
    let message = match (kind.as_str(), message.as_str()) {
        ("", "") => "threw an object that is not an Error".to_owned(),
        ("" | "Error", _) => message,
        (_, "") => kind,
        (_, _) => format!("{kind}: {message}"),
    };
    CodecError::Script { message: shorten(message), line }
}

/// A property that is a text. Reading it may run the script's own code, whose failure is no news here.
fn text(object: &Object<'_>, key: &str) -> Option<String> {
    let value: Value = object.get(key).ok()?;
    value.as_string()?.to_string().ok()
}

/// The line of the innermost frame that is in the script. A frame reads `at decodeUplink (acme/aq-1.js:12:5)`.
fn line_in(stack: &str, name: &str) -> Option<u32> {
    stack.lines().find_map(|frame| {
        let (_, place) = frame.rsplit_once(name)?;
        let digits = place.strip_prefix(':')?.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    })
}

fn shorten(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    message
}
