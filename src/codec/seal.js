// Makes everything that one uplink could write and the next one read unwritable, in a context that lives through many.
// Answers with a function that does so with what is made later.
(function (host, refused) {
  "use strict";

  const { apply, getPrototypeOf, getOwnPropertyDescriptor, ownKeys } = Reflect;
  const { freeze, isFrozen } = Object;

  // The engine calls this for each error it makes. A script may catch the error of a write that the seal refused and carry on
  // wrongly, so a refusal is reported when it happens and not when it comes out.
  const refusals = [TypeError.prototype, ReferenceError.prototype];
  function prepareStackTrace(error, sites) {
    const prototype = getPrototypeOf(error);
    if (prototype === refusals[0] || prototype === refusals[1]) refused("" + error.message);
    let stack = "";
    for (let i = 0; i < sites.length; i++) {
      const site = sites[i];
      const place = site.isNative() ? "native" : site.getFileName() + ":" + site.getLineNumber() + ":" + site.getColumnNumber();
      stack += "    at " + (site.getFunctionName() || "<anonymous>") + " (" + place + ")\n";
    }
    return stack;
  }
  let site;
  host.setPrepareStackTrace((error, sites) => { [site] = sites; });
  void new Error();
  host.setPrepareStackTrace(prepareStackTrace);

  // Prototypes that no global leads to.
  const hidden = [site, [][Symbol.iterator](), ""[Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](),
    "".matchAll(/x/g), function* () {}, function* () {}(), async function () {}, async function* () {}, async function* () {}(),
    Iterator.from({ next() {} }), [].values().map((x) => x)].map(getPrototypeOf);
  const throwTypeError = (function () { return getOwnPropertyDescriptor(arguments, "callee").get; })();
  function freezeAll(pending, isDone) {
    const seen = new Set();
    while (pending.length > 0) {
      const object = pending.pop();
      if ((typeof object !== "object" && typeof object !== "function") || object === null || seen.has(object) || isDone(object)) continue;
      seen.add(object);
      for (const key of ownKeys(object)) {
        const { value, get, set } = getOwnPropertyDescriptor(object, key);
        pending.push(value, get, set);
      }
      pending.push(getPrototypeOf(object));
      freeze(object);
    }
  }
  freezeAll([globalThis, host, refusals, throwTypeError, ...hidden], () => false);
  // What leads back to here is frozen.
  return (made) => freezeAll(made, isFrozen);
})
