// The engine asks whether the time is up at each step of a script, but never within its own functions. Here those that
// can be made to work out of all proportion refuse to, and those that work in proportion to a length count as so many steps.
(function () {
  "use strict";

  const { apply, construct, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
  const { isArray } = Array;
  const toText = String;
  const RegExpConstructor = RegExp;
  const WORK_MAX = 2 ** 20;
  const WORK_PER_STEP = 64;

  function charge(work, name) {
    if (work > WORK_MAX) throw new RangeError(name + " is asked for more than a codec may do at once");
    for (let left = work; left >= WORK_PER_STEP; left -= WORK_PER_STEP);
  }

  function replace(object, name, make) {
    const original = object[name];
    const guard = make(original, name);
    Object.defineProperty(guard, "name", { value: name, configurable: true });
    Object.defineProperty(guard, "length", { value: original.length, configurable: true });
    Object.defineProperty(object, name, { value: guard, writable: true, enumerable: false, configurable: true });
  }

  // What only looks like an array could change its length between two looks, so it is copied.
  function copy(list, name) {
    if (list === undefined || list === null) return list;
    const length = +list.length;
    charge(length, name);
    const items = [];
    for (let i = 0; i < length; i++) items[i] = list[i];
    return items;
  }

  for (const name of ["slice", "join", "toString", "toLocaleString"]) {
    replace(Array.prototype, name, (original) => function (...values) {
      if (!isArray(this)) return apply(original, name.startsWith("to") ? this : copy(this, name), values);
      charge(this.length, name);
      return apply(original, this, values);
    });
  }
  for (const name of ["reverse", "splice", "unshift", "shift", "copyWithin", "fill", "sort"]) {
    replace(Array.prototype, name, (original) => function (...values) {
      if (!isArray(this)) throw new TypeError(name + " needs an array");
      charge(this.length, name);
      return apply(original, this, values);
    });
  }
  replace(Array.prototype, "concat", (original, name) => function (...parts) {
    for (const part of [this, ...parts]) {
      if (isArray(part)) charge(part.length, name);
      else if (typeof part === "object" && part !== null && Symbol.isConcatSpreadable in part) throw new TypeError(name + " spreads arrays only");
    }
    return apply(original, this, parts);
  });
  const { map } = Array.prototype;
  function flatten(list, depth, into) {
    for (let i = 0; i < list.length; i++) {
      if (!(i in list)) continue;
      if (depth > 0 && isArray(list[i])) flatten(list[i], depth - 1, into);
      else into[into.length] = list[i];
    }
    return into;
  }
  replace(Array.prototype, "flat", () => function (depth = 1) { return flatten(this, +depth, []); });
  replace(Array.prototype, "flatMap", () => function (...values) { return flatten(apply(map, this, values), 1, []); });

  const typedArrays = getPrototypeOf(Uint8Array.prototype);
  const lengthOf = getOwnPropertyDescriptor(typedArrays, "length").get;
  for (const name of ["fill", "sort", "toSorted", "reverse", "slice", "join", "indexOf", "lastIndexOf", "includes"]) {
    replace(typedArrays, name, (original) => function (...values) {
      charge(apply(lengthOf, this, []), name);
      return apply(original, this, values);
    });
  }

  // Searching one text for another compares them at every place.
  for (const name of ["indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll"]) {
    const takesPatterns = name !== "indexOf" && name !== "lastIndexOf";
    replace(String.prototype, name, (original) => function (wanted, ...values) {
      if (this === undefined || this === null) return apply(original, this, [wanted]);
      const text = toText(this);
      const pattern = takesPatterns && (wanted === undefined || wanted instanceof RegExpConstructor) ? wanted : toText(wanted);
      charge(text.length * (typeof pattern === "string" ? 1 + pattern.length / 256 : 1), name);
      return apply(original, text, [pattern, ...values]);
    });
  }
  for (const name of ["toUpperCase", "toLowerCase", "normalize"]) {
    replace(String.prototype, name, (original) => function (...values) {
      if (this === undefined || this === null) return apply(original, this, values);
      const text = toText(this);
      charge(text.length, name);
      return apply(original, text, values);
    });
  }
  for (const name of ["repeat", "padStart", "padEnd"]) {
    replace(String.prototype, name, (original) => function (count, ...values) {
      if (this === undefined || this === null) return apply(original, this, [count]);
      const text = toText(this);
      const number = +count;
      charge(name === "repeat" ? text.length * number : number, name);
      return apply(original, text, [number, ...values]);
    });
  }
  // The engine's own `bind` crashes when memory ends inside it.
  replace(Function.prototype, "bind", () => function (receiver, ...first) {
    const target = this;
    if (typeof target !== "function") throw new TypeError("bind needs a function");
    return function (...rest) {
      return new.target === undefined ? apply(target, receiver, [...first, ...rest]) : construct(target, [...first, ...rest]);
    };
  });
  replace(String, "raw", (original, name) => function (strings, ...values) {
    const raw = copy(strings.raw, name);
    return apply(original, this, [{ raw }, ...values]);
  });
  replace(JSON, "parse", (original, name) => function (json, ...values) {
    const text = toText(json);
    charge(text.length, name);
    return apply(original, this, [text, ...values]);
  });
})();
