// Says what an object of some class stands for in an output, and gives texts that UTF-8 can carry.
(function () {
  "use strict";

  const { apply, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
  const { fromEntries } = Object;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const toText = String;
  const Bytes = Uint8Array;
  const { toWellFormed } = String.prototype;
  const isA = (prototype, object) => apply(ObjectPrototype.isPrototypeOf, prototype, [object]);
  const ObjectPrototype = Object.prototype;
  const DatePrototype = Date.prototype;
  const { toISOString, getTime } = DatePrototype;
  const ErrorPrototype = Error.prototype;
  const { toString: errorToString } = ErrorPrototype;
  const MapPrototype = Map.prototype;
  const { forEach: mapForEach } = MapPrototype;
  const SetPrototype = Set.prototype;
  const { forEach: setForEach } = SetPrototype;
  const BufferPrototype = ArrayBuffer.prototype;
  const TypedArrayPrototype = getPrototypeOf(Bytes.prototype);
  const lengthOfTypedArray = getOwnPropertyDescriptor(TypedArrayPrototype, "length").get;
  const boxes = [Number, String, Boolean, BigInt].map((box) => [box.prototype, box.prototype.valueOf]);

  function numbersOf(object, lengthMax) {
    let list = object;
    if (isA(BufferPrototype, object)) list = new Bytes(object);
    else if (!isA(TypedArrayPrototype, object)) list = new Bytes(object.buffer, object.byteOffset, object.byteLength);
    const length = apply(lengthOfTypedArray, list, []);
    const numbers = [];
    // One more than fits is enough to be refused.
    for (let i = 0; i < length && i <= lengthMax; i++) numbers[i] = list[i];
    return numbers;
  }

  return {
    // A text, a number, a list, or (itself) an object with keys; undefined for what has no value.
    simplify(object, lengthMax) {
      if (isArray(object)) return object;
      if (isA(DatePrototype, object)) {
        const time = apply(getTime, object, []);
        return time === time ? apply(toISOString, object, []) : undefined;
      }
      if (isView(object) || isA(BufferPrototype, object)) return numbersOf(object, lengthMax);
      if (isA(ErrorPrototype, object)) return apply(errorToString, object, []);
      if (isA(MapPrototype, object)) {
        const entries = [];
        apply(mapForEach, object, [(value, key) => { entries[entries.length] = [key, value]; }]);
        return fromEntries(entries);
      }
      if (isA(SetPrototype, object)) {
        const values = [];
        apply(setForEach, object, [(value) => { values[values.length] = value; }]);
        return values;
      }
      const prototype = getPrototypeOf(object);
      for (const [boxed, valueOf] of boxes) if (prototype === boxed) return apply(valueOf, object, []);
      return object;
    },

    // Half a surrogate pair becomes U+FFFD.
    text(value) { return apply(toWellFormed, toText(value), []); },
  };
})()
