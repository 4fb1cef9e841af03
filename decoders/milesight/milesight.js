// The frame grammar shared by every Milesight model: a channel, a type and a value, little-endian, and
// so on to the end. The same channel means different things in different models, so the profile names
// the model in its options; a further model is a further row here and a profile.

const BATTERY = { 0x0175: [1, (v) => ({ battery_level: v.getUint8(0) })] };

// Functions, so that an uplink makes the records of its own model alone.
const MODELS = {
  "EM300-ZLD": () => ({
    ...BATTERY,
    0x0367: [2, (v) => ({ air_temperature: v.getInt16(0, true) / 10 })],
    0x0468: [1, (v) => ({ relative_humidity: v.getUint8(0) / 2 })],
    0x0500: [1, (v) => ({ leak: v.getUint8(0) !== 0 })],
    // A sibling's table says channel 6 where its example says 5.
    0x0600: [1, (v) => ({ leak: v.getUint8(0) !== 0 })],
    0x20ce: [8, (v) => record(v, {
      air_temperature: v.getInt16(4, true) / 10,
      relative_humidity: v.getUint8(6) / 2,
      leak: v.getUint8(7) !== 0,
    })],
  }),
  "EM310-UDL": () => ({
    ...BATTERY,
    0x0382: [2, (v) => ({ distance: v.getUint16(0, true) / 1000 })],
    0x0400: [1, (v) => ({ tilt: v.getUint8(0) !== 0 })],
  }),
  "EM400-TLD": () => ({
    ...BATTERY,
    0x0367: [2, (v) => ({ air_temperature: v.getInt16(0, true) / 10 })],
    0x0482: [2, (v) => ({ distance: v.getUint16(0, true) / 1000 })],
    0x0500: [1, (v) => ({ tilt: v.getUint8(0) !== 0 })],
    0x8367: [3, (v) => ({
      air_temperature: v.getInt16(0, true) / 10,
      temperature_alarm: v.getUint8(2) !== 0,
    })],
    0x8482: [3, (v) => ({
      distance: v.getUint16(0, true) / 1000,
      distance_alarm: v.getUint8(2) !== 0,
    })],
  }),
  "EM500-PT100": () => ({
    ...BATTERY,
    0x0367: [2, (v) => either("water_temperature", v, 0, (raw) => signed(raw) / 10)],
    0x83d7: [5, (v) => ({
      ...either("water_temperature", v, 0, (raw) => signed(raw) / 10),
      ...change(v),
    })],
    0x20ce: [6, (v) => record(v, either("water_temperature", v, 4, (raw) => signed(raw) / 10))],
  }),
  "EM500-SMTC": () => ({
    ...BATTERY,
    0x0367: [2, (v) => soilTemperature(v, 0)],
    // Two resolutions of the moisture: halves of a per cent from older units, hundredths from newer.
    0x0468: [1, (v) => ({ soil_moisture: v.getUint8(0) / 2 })],
    0x04ca: [2, (v) => either("soil_moisture", v, 0, (raw) => raw / 100)],
    0x057f: [2, (v) => conductivity(v, 0)],
    0x83d7: [5, (v) => ({ ...soilTemperature(v, 0), ...change(v) })],
    0x20ce: [10, (v) => record(v, {
      ...conductivity(v, 4),
      ...soilTemperature(v, 6),
      ...either("soil_moisture", v, 8, (raw) => raw / 100),
    })],
  }),
  "EM500-SWL": () => ({
    ...BATTERY,
    0x0377: [2, (v) => either("water_depth", v, 0, (raw) => raw / 100)],
    0x20ce: [6, (v) => record(v, either("water_depth", v, 4, (raw) => raw / 100))],
  }),
};

// What a unit tells of itself after joining, or answers when its interval is set: bytes of each value,
// no measurements.
const ATTRIBUTES = {
  0xfe03: 2, 0xff01: 1, 0xff03: 2, 0xff09: 2, 0xff0a: 2, 0xff0b: 1, 0xff0f: 1, 0xff16: 8, 0xfffe: 1,
  0xffff: 2,
};

// The markers are compared with the raw word: as a signed temperature they would be -0.1 and -0.3.
const MARKERS = { 0xffff: "read_failed", 0xfffd: "out_of_range" };

function either(name, view, at, read) {
  const raw = view.getUint16(at, true);
  const marker = MARKERS[raw];
  return marker ? { [`${name}_status`]: marker } : { [name]: read(raw) };
}

function signed(word) {
  return word >= 0x8000 ? word - 0x10000 : word;
}

function soilTemperature(view, at) {
  return either("soil_temperature", view, at, (raw) => signed(raw) / 10);
}

// Microsiemens for each centimetre.
function conductivity(view, at) {
  return either("soil_conductivity", view, at, (raw) => raw / 10000);
}

// The rest of a temperature alarm: how far it jumped, and 0 released, 1 threshold or 2 mutation.
function change(view) {
  return { temperature_change: view.getInt16(2, true) / 10, temperature_alarm_code: view.getUint8(4) };
}

// Measured earlier and kept by the unit while it had no network.
function record(view, values) {
  return { history: [{ time: new Date(view.getUint32(0, true) * 1000).toISOString(), ...values }] };
}

function hex(byte) {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

// The port is not checked: 85 is usual and others are seen; an unknown channel gives a foreign frame away.
function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  const model = input.variables?.model;
  const records = MODELS[model]?.();
  if (!records) {
    return { errors: [`option model is "${model}", want ${Object.keys(MODELS).join(" or ")}`] };
  }
  if (bytes.length === 0) {
    return { errors: ["payload has 0 bytes, want at least 3"] };
  }

  const data = {};
  const warnings = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 1 === bytes.length) {
      return { errors: [`payload has ${have}, want at least ${at + 3}`] };
    }
    const key = (bytes[at] << 8) | bytes[at + 1];
    const name = () => `channel ${hex(key >> 8)} type ${hex(key & 0xff)} at byte ${at}`;
    const [length, read] = records[key] ?? [ATTRIBUTES[key], () => ({})];
    if (length === undefined) {
      return { errors: [`unknown ${name()}`] };
    }
    const end = at + 2 + length;
    if (end > bytes.length) {
      return { errors: [`payload has ${have}, want at least ${end} for ${name()}`] };
    }
    const { history, ...values } = read(new DataView(bytes.buffer, at + 2, length));
    if (history) {
      data.history = [...(data.history ?? []), ...history];
    }
    for (const field in values) {
      const isMarker = field.endsWith("_status");
      if (isMarker) warnings.push(`${field.replace("_status", "")}: ${values[field]}`);
      data[field] = values[field];
    }
    at = end;
  }
  return { data, warnings };
}
