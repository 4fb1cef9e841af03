// What every context gets before a codec: the built-ins that would make two runs of one uplink differ are replaced,
// and the functions that the Rust side calls are handed out. Everything used later is taken into a constant
// first, so that a codec that rewrites a built-in deceives itself alone.
(function (refused) {
  "use strict";

  const RealDate = globalThis.Date;
  const { apply, construct, getPrototypeOf, ownKeys, getOwnPropertyDescriptor } = Reflect;
  const { defineProperty, freeze, fromEntries } = Object;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const ObjectPrototype = Object.prototype;
  const FunctionPrototype = Function.prototype;
  const ErrorPrototype = Error.prototype;
  const ArrayBufferPrototype = ArrayBuffer.prototype;
  const Bytes = Uint8Array;
  const toText = String;
  const { toString: errorToString } = ErrorPrototype;
  const { toISOString, getTime } = RealDate.prototype;
  const { toWellFormed } = String.prototype;
  const MapPrototype = Map.prototype;
  const SetPrototype = Set.prototype;
  const { forEach: mapForEach } = MapPrototype;
  const { forEach: setForEach } = SetPrototype;
  const TypedArrayPrototype = getPrototypeOf(Bytes.prototype);
  const lengthOfTypedArray = getOwnPropertyDescriptor(TypedArrayPrototype, "length").get;
  const boxes = [Number, String, Boolean, BigInt].map((box) => [box.prototype, box.prototype.valueOf]);

  function hide(object, name, value) {
    defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
  }

  // Clocks. A replay years later must decode as the first run did, so "now" is the moment the uplink was received,
  // and local time is UTC wherever the server stands.
  let now = 0;

  function parse(text) {
    const asUtc = RealDate.parse(text + "Z");
    return asUtc === asUtc ? asUtc : RealDate.parse(text);
  }

  function Date(...parts) {
    if (new.target === undefined) return new RealDate(now).toUTCString();
    let milliseconds = now;
    if (parts.length === 1) {
      const [only] = parts;
      const primitive = only instanceof RealDate ? apply(getTime, only, []) : only;
      milliseconds = typeof primitive === "string" ? parse(primitive) : primitive;
    } else if (parts.length > 1) {
      milliseconds = RealDate.UTC(...parts);
    }
    return construct(RealDate, [milliseconds], new.target);
  }
  const datePrototype = RealDate.prototype;
  defineProperty(Date, "prototype", { value: datePrototype, writable: false });
  defineProperty(Date, "length", { value: 7, configurable: true });
  hide(datePrototype, "constructor", Date);
  hide(Date, "UTC", RealDate.UTC);
  hide(Date, "parse", { parse: (text) => parse(toText(text)) }.parse);
  hide(Date, "now", { now: () => now }.now);
  for (const part of ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds", "Day"]) {
    hide(datePrototype, "get" + part, datePrototype["getUTC" + part]);
    if (part !== "Day") hide(datePrototype, "set" + part, datePrototype["setUTC" + part]);
  }
  hide(datePrototype, "getTimezoneOffset", { getTimezoneOffset: () => 0 }.getTimezoneOffset);
  for (const name of ["toString", "toLocaleString"]) hide(datePrototype, name, datePrototype.toUTCString);
  hide(globalThis, "Date", Date);

  // Chance.
  function refuse(name, reason) {
    return { [name]() { throw new EvalError(name + " is not available to a codec: " + reason); } }[name];
  }
  hide(Math, "random", refuse("random", "the same uplink must always decode to the same values"));

  // Ways to make code out of text, including the ones that only a function's prototype leads to.
  hide(globalThis, "eval", refuse("eval", "its code must be in its file"));
  for (const sample of [function () {}, function* () {}, async function () {}, async function* () {}]) {
    const prototype = getPrototypeOf(sample);
    const name = prototype.constructor.name;
    const stub = { [name]: function () { throw new EvalError(name + " is not available to a codec: its code must be in its file"); } }[name];
    // The prototype stays, so that `instanceof Function` goes on working.
    defineProperty(stub, "prototype", { value: prototype, writable: false });
    defineProperty(prototype, "constructor", { value: stub, writable: false, configurable: false });
    if (prototype === FunctionPrototype) hide(globalThis, name, stub);
  }

  // Shared memory, the job queue, and two accessors of the engine that keep what is written to them in the context itself.
  for (const name of ["Atomics", "SharedArrayBuffer", "WebAssembly", "performance", "queueMicrotask"]) delete globalThis[name];
  const setPrepareStackTrace = getOwnPropertyDescriptor(Error, "prepareStackTrace").set;
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;

  // The engine calls this for each error it makes. A script may catch the error of a write that the seal refused and carry on
  // wrongly, so a refusal is reported when it happens and not when it comes out.
  const refusals = [TypeError.prototype, ReferenceError.prototype];
  function prepareStackTrace(error, sites) {
    const prototype = getPrototypeOf(error);
    if (prototype === refusals[0] || prototype === refusals[1]) refused();
    let stack = "";
    for (let i = 0; i < sites.length; i++) {
      const site = sites[i];
      const place = site.isNative() ? "native" : site.getFileName() + ":" + site.getLineNumber() + ":" + site.getColumnNumber();
      stack += "    at " + (site.getFunctionName() || "<anonymous>") + " (" + place + ")\n";
    }
    return stack;
  }

  const console = {};
  for (const name of ["log", "warn", "error", "info", "debug", "trace"]) hide(console, name, { [name]() {} }[name]);
  hide(globalThis, "console", console);

  // Loops inside the engine that never ask whether the time is up. A length that no uplink needs is refused
  // before they start, on arrays, on what only looks like an array, and on texts to search.
  const LENGTH_MAX = 1 << 20;
  function bounded(prototype, names, limit) {
    for (const name of names) {
      const original = prototype[name];
      if (original === undefined) continue;
      const guard = { [name](...values) {
        if (this !== undefined && this !== null && this.length > limit) throw new RangeError(name + ": length is over " + limit);
        return apply(original, this, values);
      } }[name];
      defineProperty(guard, "length", { value: original.length, configurable: true });
      hide(prototype, name, guard);
    }
  }

  let load;

  const host = {
    // Calls the codec. `load` makes its `decodeUplink` anew, so that nothing it closes over outlives the uplink.
    decode(fPort, milliseconds, variables, ...bytes) {
      now = milliseconds;
      const module = { exports: {} };
      const decodeUplink = load(module, module.exports);
      if (typeof decodeUplink !== "function") throw new TypeError("decodeUplink is not a function");
      return decodeUplink({ bytes, fPort, recvTime: new RealDate(milliseconds), variables });
    },

    setClock(milliseconds) { now = milliseconds; },

    setLoad(loader) { load = loader; },

    hasDecoder() { return typeof load() === "function"; },

    plainPrototype: ObjectPrototype,

    // What an object stands for in the output: a text, a number, a list, or (itself) an object with keys.
    simplify(object, lengthMax) {
      const prototype = getPrototypeOf(object);
      if (prototype === ObjectPrototype || prototype === null || isArray(object)) return object;
      if (object instanceof Date) {
        const time = apply(getTime, object, []);
        return time === time ? apply(toISOString, object, []) : undefined;
      }
      if (isView(object) || ArrayBufferPrototype.isPrototypeOf(object)) {
        const list = TypedArrayPrototype.isPrototypeOf(object) ? object
          : isView(object) ? new Bytes(object.buffer, object.byteOffset, object.byteLength) : new Bytes(object);
        const length = apply(lengthOfTypedArray, list, []);
        const numbers = [];
        // One more than fits is enough to be refused.
        for (let i = 0; i < length && i <= lengthMax; i++) numbers[i] = list[i];
        return numbers;
      }
      if (ErrorPrototype.isPrototypeOf(object)) return apply(errorToString, object, []);
      if (MapPrototype.isPrototypeOf(object)) {
        const entries = [];
        apply(mapForEach, object, [(value, key) => { entries[entries.length] = [key, value]; }]);
        return fromEntries(entries);
      }
      if (SetPrototype.isPrototypeOf(object)) {
        const values = [];
        apply(setForEach, object, [(value) => { values[values.length] = value; }]);
        return values;
      }
      for (const [boxed, valueOf] of boxes) if (prototype === boxed) return apply(valueOf, object, []);
      return object;
    },

    // A text that UTF-8 can carry: half a surrogate pair becomes U+FFFD.
    text(value) { return apply(toWellFormed, toText(value), []); },

    // Makes everything that one uplink could write and the next one read unwritable.
    seal() {
      let site;
      apply(setPrepareStackTrace, Error, [(error, sites) => { [site] = sites; }]);
      new Error();
      apply(setPrepareStackTrace, Error, [prepareStackTrace]);
      const samples = [site, [][Symbol.iterator](), ""[Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](),
        "".matchAll(/x/g), function* () {}, function* () {}(), async function () {}, async function* () {}, async function* () {}(),
        Iterator.from({ next() {} }), [].values().map((x) => x)];
      const pending = [globalThis, host, refusals, (function () { return getOwnPropertyDescriptor(arguments, "callee").get; })(), ...samples.map(getPrototypeOf)];
      const seen = new Set();
      while (pending.length > 0) {
        const object = pending.pop();
        if ((typeof object !== "object" && typeof object !== "function") || object === null || seen.has(object)) continue;
        seen.add(object);
        for (const key of ownKeys(object)) {
          const { value, get, set } = getOwnPropertyDescriptor(object, key);
          pending.push(value, get, set);
        }
        pending.push(getPrototypeOf(object));
        freeze(object);
      }
    },
  };
  return host;
})
