// The M-Bus application layer (EN 13757-3) within a LoRaWAN frame: a header, then records of DIF, VIF and
// value, little-endian. The records of a daily log and of an hourly profile are known; a record whose length is
// known and whose meaning is not is stepped over.

// Bytes of the header after each CI field, and where its configuration word begins.
const HEADERS = { 0x78: [0, null], 0x7a: [4, 2], 0x72: [12, 10] };
const ENCRYPTION = 0x1f00;
const ENCRYPTED_PORTS = [4, 6];

const FILLER = 0x2f;
const EXTENDED = 0x80;

// Bytes of a value by the lower half of its DIF; 0x0d says its length in the first byte.
const LENGTHS = { 0x0: 0, 0x1: 1, 0x2: 2, 0x3: 3, 0x4: 4, 0x6: 6, 0x9: 1, 0xa: 2, 0xb: 3, 0xc: 4, 0xe: 6 };
const VARIABLE = 0x0d;

const LITRES = { 0x12: 0.1, 0x13: 1, 0x14: 10, 0x15: 100, 0x16: 1000 };
const PROFILE = 0x93;
const INVERSE_COMPACT = 0x13;

const SECONDS = [1, 60, 3600, 86400];

// Type F: minutes, hours, day, month and year in four bytes. Null where the meter calls it invalid.
function time(v, offsetHours) {
  const [minutes, hours, days, months] = [0, 1, 2, 3].map((at) => v.getUint8(at));
  if (minutes & 0x80) {
    return null;
  }
  const month = months & 0x0f;
  // Date.UTC would roll a day or month that does not exist into another one.
  if (month < 1 || month > 12 || (days & 0x1f) === 0 || (hours & 0x1f) > 23 || (minutes & 0x3f) > 59) {
    return null;
  }
  const year = 2000 + ((days >> 5) | ((months & 0xf0) >> 1));
  const utc = Date.UTC(year, (months & 0x0f) - 1, days & 0x1f, hours & 0x1f, minutes & 0x3f);
  return utc - offsetHours * 3600000;
}

function unsigned(v) {
  let value = 0;
  for (let at = v.byteLength - 1; at >= 0; at -= 1) {
    value = value * 256 + v.getUint8(at);
  }
  return value;
}

// The records of a frame: key is DIF and VIFs in hexadecimal, as the table of the layout has them.
function split(bytes, from) {
  const records = [];
  let at = from;
  while (at < bytes.length) {
    if (bytes[at] === FILLER) {
      at += 1;
      continue;
    }
    const start = at;
    const dif = bytes[at];
    while (bytes[at] & EXTENDED) at += 1;
    at += 1;
    const vifStart = at;
    while (bytes[at] & EXTENDED) at += 1;
    at += 1;
    const isVariable = (dif & 0x0f) === VARIABLE;
    const length = isVariable ? bytes[at] : LENGTHS[dif & 0x0f];
    at += isVariable ? 1 : 0;
    if (length === undefined && at < bytes.length) {
      return { error: `unknown record 0x${dif.toString(16).padStart(2, "0")} at byte ${start}` };
    }
    const end = at + length;
    if (!(end <= bytes.length)) {
      const want = Number.isNaN(end) ? at + 1 : end;
      return { error: `payload has ${bytes.length} bytes, want at least ${want} for the record at byte ${start}` };
    }
    const vifs = Array.from(bytes.slice(vifStart, isVariable ? at - 1 : at));
    records.push({ dif, vifs, view: new DataView(bytes.buffer, at, length) });
    at = end;
  }
  return { records };
}

// Walks back in time from the base value. An element of all ones is invalid, and so is all that is older.
function walk(view, base, baseTime, litres) {
  if (view.byteLength < 2) {
    return { error: `profile has ${view.byteLength} bytes, want at least 2` };
  }
  const [control, spacing] = [view.getUint8(0), view.getUint8(1)];
  const [size, unit, mode] = [control & 0x0f, (control >> 4) & 0x03, control >> 6];
  if (mode === 0 || size === 0 || size > 4 || spacing === 0 || spacing > 250) {
    return { error: `profile with control 0x${control.toString(16)} and spacing ${spacing}` };
  }
  const history = [];
  let [value, at] = [base, baseTime];
  for (let from = 2; from + size <= view.byteLength; from += size) {
    const element = unsigned(new DataView(view.buffer, view.byteOffset + from, size));
    const all = 256 ** size;
    if (element === all - 1) {
      break;
    }
    const signed = mode === 3 && element >= all / 2 ? element - all : element;
    value += mode === 2 ? signed : -signed;
    at -= spacing * SECONDS[unit] * 1000;
    history.push({ time: new Date(at).toISOString(), water_volume: (value * litres) / 1000 });
  }
  return { history };
}

function infoCode(view) {
  const code = view.getUint16(0, true);
  const names = [
    "empty_pipe", "backflow", "leak", "burst", "tamper", "battery_low", "low_temperature", "high_temperature",
  ];
  return Object.fromEntries(names.map((name, bit) => [name, ((code >> bit) & 1) !== 0]));
}

function unlessInvalid(name, raw, invalid, value) {
  return raw === invalid ? {} : { [name]: value };
}

const FIELDS = {
  "52ff25": infoCode,
  "42ff1c": (v) => unlessInvalid("acoustic_noise_level", v.getUint16(0, true), 0xffff, v.getUint16(0, true)),
  "623b": (v) => ({ water_flow_min: v.getInt16(0, true) / 3600000 }),
  "523b": (v) => ({ water_flow_max: v.getInt16(0, true) / 3600000 }),
  "615b": (v) => unlessInvalid("water_temperature_min", v.getUint8(0), 0x80, v.getInt8(0)),
  "515b": (v) => unlessInvalid("water_temperature_max", v.getUint8(0), 0x80, v.getInt8(0)),
  // What was counted while the meter was in error is no index.
  "7413": (v) => ({ water_volume_error_state: v.getUint32(0, true) / 1000 }),
  "44933c": (v) => ({ water_volume_reverse: v.getUint32(0, true) / 1000 }),
  "04ff16": (v) => ({ configuration_number: v.getUint32(0, true) }),
};

function hexOf(bytes) {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  if (ENCRYPTED_PORTS.includes(input.fPort)) {
    return { errors: [`port ${input.fPort} is encrypted with the meter's own key`] };
  }
  if (bytes.length === 0) {
    return { errors: ["payload has 0 bytes, want at least 1"] };
  }
  const header = HEADERS[bytes[0]];
  if (!header) {
    return { errors: [`CI field 0x${bytes[0].toString(16)}, want 0x78, 0x7a or 0x72`] };
  }
  const [headerLength, configurationAt] = header;
  if (bytes.length < 1 + headerLength) {
    return { errors: [`payload has ${have}, want at least ${1 + headerLength}`] };
  }
  if (configurationAt !== null) {
    const configuration = bytes[1 + configurationAt] | (bytes[2 + configurationAt] << 8);
    if (configuration & ENCRYPTION) {
      return { errors: ["the records are encrypted with the meter's own key"] };
    }
  }
  const { records, error } = split(bytes, 1 + headerLength);
  if (error) {
    return { errors: [error] };
  }

  const data = {};
  const warnings = [];
  let [base, baseTime, litres, profile] = [null, null, 1, null];
  for (const { dif, vifs, view } of records) {
    const key = hexOf([dif, ...vifs]);
    if (key === "446d") {
      baseTime = time(view, Number(input.variables?.utc_offset ?? 1));
    } else if (dif === 0x44 && vifs.length === 1 && LITRES[vifs[0]]) {
      litres = LITRES[vifs[0]];
      base = view.getUint32(0, true);
    } else if ((dif & 0x0f) === VARIABLE && vifs[0] === PROFILE && vifs[1] === INVERSE_COMPACT) {
      profile = view;
    } else if (FIELDS[key]) {
      Object.assign(data, FIELDS[key](view));
    } else {
      warnings.push(`record ${key} is not known and was left out`);
    }
  }
  if (base !== null && baseTime !== null) {
    Object.assign(data, { time: new Date(baseTime).toISOString(), water_volume: (base * litres) / 1000 });
  } else if (base !== null) {
    warnings.push("the index has no time and was left out");
  }
  if (profile) {
    if (base === null || baseTime === null) {
      return { errors: ["a profile without base value or base time"] };
    }
    const walked = walk(profile, base, baseTime, litres);
    if (walked.error) {
      return { errors: [walked.error] };
    }
    data.history = walked.history;
  }
  return { data, warnings };
}
