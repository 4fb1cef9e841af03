// What every context gets before a codec: the built-ins that would make two runs of one uplink differ are replaced,
// and the functions that the Rust side calls are handed out. Everything used later is taken into a constant
// first, so that a codec that rewrites a built-in deceives itself alone.
(function () {
  "use strict";

  const RealDate = globalThis.Date;
  const { apply, construct, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
  const { defineProperty } = Object;

  function hide(object, name, value) {
    defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
  }

  // Clocks. A replay years later must decode as the first run did, so "now" is the moment the uplink was received,
  // and local time is UTC wherever the server stands.
  let now = 0;
  const { getTime, toUTCString } = RealDate.prototype;

  function parse(text) {
    const asUtc = RealDate.parse(text + "Z");
    return asUtc === asUtc ? asUtc : RealDate.parse(text);
  }

  function Date(...parts) {
    if (new.target === undefined) return apply(toUTCString, new RealDate(now), []);
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
  for (const [name, value] of [["UTC", RealDate.UTC], ["parse", (text) => parse(String(text))], ["now", () => now]]) hide(Date, name, value);
  for (const part of ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds", "Day"]) {
    hide(datePrototype, "get" + part, datePrototype["getUTC" + part]);
    if (part !== "Day") hide(datePrototype, "set" + part, datePrototype["setUTC" + part]);
  }
  hide(datePrototype, "getTimezoneOffset", () => 0);
  for (const name of ["toString", "toLocaleString"]) hide(datePrototype, name, toUTCString);
  hide(globalThis, "Date", Date);

  // Chance, and the ways to make code out of text, including those that only a function's prototype leads to.
  function refuse(name, reason) {
    return function () { throw new EvalError(name + " is not available to a codec: " + reason); };
  }
  hide(Math, "random", refuse("Math.random", "the same uplink must always decode to the same values"));
  hide(globalThis, "eval", refuse("eval", "its code must be in its file"));
  for (const sample of [function () {}, function* () {}, async function () {}, async function* () {}]) {
    const prototype = getPrototypeOf(sample);
    const { name } = prototype.constructor;
    const stub = refuse(name, "its code must be in its file");
    // The prototype stays, so that `instanceof Function` goes on working.
    defineProperty(stub, "prototype", { value: prototype, writable: false });
    defineProperty(stub, "name", { value: name });
    defineProperty(prototype, "constructor", { value: stub, writable: false, configurable: false });
    if (name === "Function") hide(globalThis, name, stub);
  }

  // Shared memory, the job queue, and two accessors of the engine that keep what is written to them in the context itself.
  const { set: setPrepareStackTrace } = getOwnPropertyDescriptor(Error, "prepareStackTrace");
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;
  for (const name of ["Atomics", "SharedArrayBuffer", "queueMicrotask"]) delete globalThis[name];

  const console = {};
  for (const name of ["log", "warn", "error", "info", "debug", "trace"]) hide(console, name, function () {});
  hide(globalThis, "console", console);

  let load;
  let decoder;
  let undeclared = [];
  function start() {
    const module = { exports: {} };
    return load(module, module.exports);
  }
  return {
    // Calls the codec. `load` makes its `decodeUplink` anew, so that nothing it closes over outlives the uplink;
    // where all of that is frozen, there is a `decoder` for all uplinks.
    decode(bytes, fPort, milliseconds, variables) {
      now = milliseconds;
      for (let i = 0; i < undeclared.length; i++) {
        undeclared[i].isSet = false;
        undeclared[i].value = undefined;
      }
      const decodeUplink = decoder === undefined ? start() : decoder;
      if (typeof decodeUplink !== "function") throw new TypeError("decodeUplink is not a function");
      return decodeUplink({ bytes, fPort, recvTime: new RealDate(milliseconds), variables });
    },
    // Gives the script variables that it uses without declaring them, empty again for each uplink.
    declare(names) {
      undeclared = names.map((name) => {
        const variable = { isSet: false, value: undefined };
        defineProperty(globalThis, name, {
          get() {
            if (!variable.isSet) throw new ReferenceError(name + " is not defined");
            return variable.value;
          },
          set(value) {
            variable.isSet = true;
            variable.value = value;
          },
        });
        return variable;
      });
    },
    setClock(milliseconds) { now = milliseconds; },
    setLoad(loader) { load = loader; },
    setDecoder(ready) { decoder = ready; },
    hasDecoder() { return typeof load() === "function"; },
    setPrepareStackTrace(prepare) { apply(setPrepareStackTrace, Error, [prepare]); },
    plainPrototype: Object.prototype,
  };
})()
