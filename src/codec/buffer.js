// Node's Buffer as codecs use it, and the base64 and UTF-8 functions of a browser.
(function () {
  "use strict";

  const { fromCharCode, fromCodePoint } = String;
  const { setPrototypeOf } = Object;
  const { isInteger } = Number;
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const HEX = "0123456789abcdef";

  function encodeUtf8(text) {
    const bytes = [];
    for (const character of text.toWellFormed()) {
      const point = character.codePointAt(0);
      if (point < 0x80) bytes.push(point);
      else if (point < 0x800) bytes.push(0xc0 | point >> 6, 0x80 | point & 63);
      else if (point < 0x10000) bytes.push(0xe0 | point >> 12, 0x80 | point >> 6 & 63, 0x80 | point & 63);
      else bytes.push(0xf0 | point >> 18, 0x80 | point >> 12 & 63, 0x80 | point >> 6 & 63, 0x80 | point & 63);
    }
    return bytes;
  }

  // A broken sequence becomes one U+FFFD for each longest start of a valid one, as the Encoding Standard has it.
  function decodeUtf8(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const lead = bytes[i++];
      if (lead < 0x80) { text += fromCharCode(lead); continue; }
      let missing = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0;
      if (missing === 0) { text += "\ufffd"; continue; }
      let point = lead & 0x3f >> missing;
      let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      for (; missing > 0 && bytes[i] >= low && bytes[i] <= high; missing--, low = 0x80, high = 0xbf) point = point << 6 | bytes[i++] & 63;
      text += missing > 0 ? "\ufffd" : fromCodePoint(point);
    }
    return text;
  }

  function encodeBase64(bytes, alphabet, padding) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
      const left = bytes.length - i;
      const group = bytes[i] << 16 | (left > 1 ? bytes[i + 1] : 0) << 8 | (left > 2 ? bytes[i + 2] : 0);
      text += alphabet[group >> 18] + alphabet[group >> 12 & 63]
        + (left > 1 ? alphabet[group >> 6 & 63] : padding) + (left > 2 ? alphabet[group & 63] : padding);
    }
    return text;
  }

  // Node's rules: both alphabets, anything else is skipped, "=" ends the text.
  function decodeBase64(text) {
    const bytes = [];
    let group = 0, bits = 0;
    for (const character of text) {
      if (character === "=") break;
      const value = ALPHABET.indexOf(character === "-" ? "+" : character === "_" ? "/" : character);
      if (value < 0) continue;
      group = (group << 6 | value) & 0xffff;
      bits += 6;
      if (bits >= 8) { bits -= 8; bytes.push(group >> bits & 255); }
    }
    return bytes;
  }

  function decodeHex(text) {
    const bytes = [];
    for (let i = 0; i + 1 < text.length; i += 2) {
      const high = HEX.indexOf(text[i].toLowerCase()), low = HEX.indexOf(text[i + 1].toLowerCase());
      if (high < 0 || low < 0) break;
      bytes.push(high << 4 | low);
    }
    return bytes;
  }

  const encodeHex = (bytes) => { let text = ""; for (const byte of bytes) text += HEX[byte >> 4] + HEX[byte & 15]; return text; };
  const decodeLatin1 = (text) => { const bytes = []; for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 255); return bytes; };
  const encodeLatin1 = (bytes, mask) => { let text = ""; for (const byte of bytes) text += fromCharCode(byte & mask); return text; };

  const ENCODINGS = {
    utf8: { read: encodeUtf8, write: decodeUtf8 },
    hex: { read: decodeHex, write: encodeHex },
    base64: { read: decodeBase64, write: (bytes) => encodeBase64(bytes, ALPHABET, "=") },
    base64url: { read: decodeBase64, write: (bytes) => encodeBase64(bytes, ALPHABET.slice(0, 62) + "-_", "") },
    ascii: { read: decodeLatin1, write: (bytes) => encodeLatin1(bytes, 127) },
    latin1: { read: decodeLatin1, write: (bytes) => encodeLatin1(bytes, 255) },
    __proto__: null,
  };
  ENCODINGS["utf-8"] = ENCODINGS.utf8;
  ENCODINGS.binary = ENCODINGS.latin1;

  function encodingOf(name = "utf8") {
    const encoding = ENCODINGS[String(name).toLowerCase()];
    if (encoding === undefined) throw new TypeError("Unknown encoding: " + name);
    return encoding;
  }

  function Buffer(value, offsetOrEncoding, length) {
    return typeof value === "number" ? Buffer.alloc(value) : Buffer.from(value, offsetOrEncoding, length);
  }
  const adopt = (bytes) => setPrototypeOf(bytes, Buffer.prototype);
  setPrototypeOf(Buffer, Uint8Array);

  const statics = {
    from(value, offsetOrEncoding, length) {
      if (typeof value === "string") return adopt(new Uint8Array(encodingOf(offsetOrEncoding).read(value)));
      if (value instanceof ArrayBuffer) return adopt(new Uint8Array(value, offsetOrEncoding, length));
      if (value === null || typeof value !== "object") throw new TypeError("The first argument must be a string, a list of bytes or an ArrayBuffer");
      if (value.type === "Buffer" && Array.isArray(value.data)) value = value.data;
      return adopt(new Uint8Array(value));
    },
    of: (...bytes) => adopt(new Uint8Array(bytes)),
    alloc(size, fill = 0, encoding = undefined) {
      const buffer = adopt(new Uint8Array(size));
      return fill === 0 ? buffer : buffer.fill(fill, 0, size, encoding);
    },
    allocUnsafe: (size) => adopt(new Uint8Array(size)),
    concat(list, length = list.reduce((sum, part) => sum + part.length, 0)) {
      const whole = Buffer.alloc(length);
      let offset = 0;
      for (const part of list) {
        const fits = Math.min(part.length, length - offset);
        whole.set(fits < part.length ? part.subarray(0, fits) : part, offset);
        offset += fits;
      }
      return whole;
    },
    isBuffer: (value) => value instanceof Buffer,
    isEncoding: (name) => String(name).toLowerCase() in ENCODINGS,
    byteLength: (value, encoding) => typeof value === "string" ? encodingOf(encoding).read(value).length : value.byteLength,
    compare: (a, b) => a.compare(b),
  };

  // Checks an access as Node does and answers where it starts.
  function place(buffer, offset, size) {
    if (offset === undefined) return place(buffer, 0, size);
    if (typeof offset !== "number") throw new TypeError('The "offset" argument must be of type number');
    if (!isInteger(offset)) throw new RangeError('The value of "offset" is out of range. It must be an integer. Received ' + offset);
    const last = buffer.length - size;
    if (last < 0) throw new RangeError("Attempt to access memory outside buffer bounds");
    if (offset < 0 || offset > last) throw new RangeError('The value of "offset" is out of range. It must be >= 0 and <= ' + last + ". Received " + offset);
    return offset;
  }

  function checkSize(size) {
    if (!isInteger(size) || size < 1 || size > 6) throw new RangeError('The value of "byteLength" is out of range. It must be >= 1 and <= 6. Received ' + size);
  }

  function readInteger(buffer, offset, size, little, signed) {
    const start = place(buffer, offset, size);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + buffer[little ? start + size - 1 - i : start + i];
    const span = 2 ** (8 * size);
    return signed && value >= span / 2 ? value - span : value;
  }

  function writeInteger(buffer, value, offset, size, little, signed) {
    const start = place(buffer, offset, size);
    const span = 2 ** (8 * size);
    const low = signed ? -span / 2 : 0, high = signed ? span / 2 - 1 : span - 1;
    value = +value;
    if (value < low || value > high) throw new RangeError('The value of "value" is out of range. It must be >= ' + low + " and <= " + high + ". Received " + value);
    let rest = Math.trunc(value) || 0;
    if (rest < 0) rest += span;
    for (let i = 0; i < size; i++, rest = Math.floor(rest / 256)) buffer[little ? start + i : start + size - 1 - i] = rest % 256;
    return start + size;
  }

  const methods = {
    toString(encoding, start = 0, end = this.length) { return encodingOf(encoding).write(this.subarray(start, end)); },
    toLocaleString(encoding) { return this.toString(encoding); },
    toJSON() { return { type: "Buffer", data: Array.from(this) }; },
    slice(start, end) { return this.subarray(start, end); },
    equals(other) { return this.compare(other) === 0; },
    compare(other) {
      for (let i = 0; i < this.length && i < other.length; i++) if (this[i] !== other[i]) return this[i] < other[i] ? -1 : 1;
      return Math.sign(this.length - other.length);
    },
    copy(target, targetStart = 0, start = 0, end = this.length) {
      const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
      target.set(part, targetStart);
      return part.length;
    },
    indexOf(value, from = 0, encoding = undefined) {
      if (typeof value === "number") return Uint8Array.prototype.indexOf.call(this, value & 255, from);
      const wanted = typeof value === "string" ? encodingOf(encoding).read(value) : value;
      for (let i = from < 0 ? Math.max(0, this.length + from) : from; i + wanted.length <= this.length; i++) {
        let same = 0;
        while (same < wanted.length && this[i + same] === wanted[same]) same++;
        if (same === wanted.length) return i;
      }
      return -1;
    },
    includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; },
    fill(value, start = 0, end = this.length, encoding = undefined) {
      if (typeof value === "number") return Uint8Array.prototype.fill.call(this, value, start, end);
      const pattern = typeof value === "string" ? encodingOf(encoding).read(value) : value;
      if (pattern.length > 0) for (let i = start; i < end; i++) this[i] = pattern[(i - start) % pattern.length];
      return this;
    },
    readUIntBE(offset, size) { checkSize(size); return readInteger(this, offset, size, false, false); },
    readUIntLE(offset, size) { checkSize(size); return readInteger(this, offset, size, true, false); },
    readIntBE(offset, size) { checkSize(size); return readInteger(this, offset, size, false, true); },
    readIntLE(offset, size) { checkSize(size); return readInteger(this, offset, size, true, true); },
    writeUIntBE(value, offset, size) { checkSize(size); return writeInteger(this, value, offset, size, false, false); },
    writeUIntLE(value, offset, size) { checkSize(size); return writeInteger(this, value, offset, size, true, false); },
    writeIntBE(value, offset, size) { checkSize(size); return writeInteger(this, value, offset, size, false, true); },
    writeIntLE(value, offset, size) { checkSize(size); return writeInteger(this, value, offset, size, true, true); },
  };

  for (const [bits, orders] of [[8, [""]], [16, ["LE", "BE"]], [32, ["LE", "BE"]]]) {
    for (const [kind, signed] of [["UInt", false], ["Int", true]]) {
      for (const order of orders) {
        const size = bits / 8, little = order === "LE";
        methods["read" + kind + bits + order] = function (offset) { return readInteger(this, offset, size, little, signed); };
        methods["write" + kind + bits + order] = function (value, offset) { return writeInteger(this, value, offset, size, little, signed); };
      }
    }
  }
  for (const [kind, getter, size] of [["Float", "Float32", 4], ["Double", "Float64", 8], ["BigInt64", "BigInt64", 8], ["BigUInt64", "BigUint64", 8]]) {
    for (const order of ["LE", "BE"]) {
      const little = order === "LE";
      const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      methods["read" + kind + order] = function (offset) { return view(this)["get" + getter](place(this, offset, size), little); };
      methods["write" + kind + order] = function (value, offset) {
        const start = place(this, offset, size);
        view(this)["set" + getter](start, value, little);
        return start + size;
      };
    }
  }
  for (const name of Object.keys(methods)) if (name.includes("UInt")) methods[name.replace("UInt", "Uint")] = methods[name];

  function hide(object, name, value) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
  }
  Buffer.prototype = Object.create(Uint8Array.prototype);
  hide(Buffer.prototype, "constructor", Buffer);
  for (const name of Object.keys(methods)) hide(Buffer.prototype, name, methods[name]);
  for (const name of Object.keys(statics)) hide(Buffer, name, statics[name]);

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return new Uint8Array(encodeUtf8(String(text))); }
  }
  class TextDecoder {
    constructor(label = "utf-8") {
      if (!/^utf-?8$/i.test(label)) throw new RangeError("TextDecoder: only utf-8 is available, not " + label);
    }
    get encoding() { return "utf-8"; }
    decode(bytes = []) {
      const list = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
      const text = decodeUtf8(list);
      return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }
  }
  hide(globalThis, "Buffer", Buffer);
  hide(globalThis, "TextEncoder", TextEncoder);
  hide(globalThis, "TextDecoder", TextDecoder);
  hide(globalThis, "atob", function atob(text) {
    const packed = String(text).replace(/[\t\n\f\r ]/g, "");
    const bare = packed.length % 4 === 0 ? packed.replace(/==?$/, "") : packed;
    if (bare.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(bare)) throw new RangeError("atob: the text is not base64");
    return encodeLatin1(decodeBase64(bare), 255);
  });
  hide(globalThis, "btoa", function btoa(text) {
    const characters = String(text);
    if (/[^\x00-\xff]/.test(characters)) throw new RangeError("btoa: a character does not fit in a byte");
    return encodeBase64(decodeLatin1(characters), ALPHABET, "=");
  });
})();
