// Dragino's frames have no common header: each model has its own fields at fixed places, big-endian. The
// profile names the model in its options; a further model is a further row here and a profile.

const MODELS = {
  "LDDS75": { port: 2, length: 8, read: ultrasonic },
  "LSE01": { port: 2, length: 11, read: soil },
  "LSN50v2-D20": { port: 2, length: 11, read: probes },
  "D23-LB": { port: 2, length: 11, read: probes },
  "LWL02": { port: 10, length: 10, read: wetness },
};

// History and device information, whose layouts differ by firmware: no current measurement.
const OTHER_PORTS = [3, 5, 6];

// Several models keep flags in the two upper bits of the battery's word.
const MILLIVOLTS = 0x3fff;

const NO_PROBE = 0x7fff;
const NEAREST_MM = 280;

function probe(name, raw) {
  return raw === NO_PROBE ? { [`${name}_status`]: "no_sensor" } : { [name]: raw / 10 };
}

// Set in a frame of several samples, which DDS75-LB can be told to send. It takes the battery's 13th bit.
const MULTI_SAMPLE = 0x1000;

// 0 is a head that is not there, and recent firmware says 20 mm of what is too near to be told.
function ultrasonic(v) {
  const millimetres = v.getUint16(2);
  const battery = { battery_voltage: (v.getUint16(0) & MILLIVOLTS) / 1000 };
  const temperature = probe("probe_temperature", v.getInt16(5));
  if (millimetres < NEAREST_MM) {
    const status = millimetres === 0 ? "no_sensor" : "below_range";
    return { ...battery, distance_status: status, ...temperature };
  }
  return { ...battery, distance: millimetres / 1000, ...temperature };
}

const SINGLE = 0;
const THREE_PROBES = 3;

// The battery is a whole word here, without flags.
function probes(v, warnings) {
  const mode = (v.getUint8(6) >> 2) & 0x1f;
  const battery = { battery_voltage: v.getUint16(0) / 1000 };
  if (mode === THREE_PROBES) {
    return {
      ...battery,
      ...probe("water_temperature", v.getInt16(2)),
      ...probe("water_temperature_2", v.getInt16(7)),
      ...probe("water_temperature_3", v.getInt16(9)),
    };
  }
  if (mode === SINGLE) {
    return { ...battery, ...probe("water_temperature", v.getInt16(2)) };
  }
  warnings.push(`mode ${mode} holds no temperatures`);
  return battery;
}

// Bit 7 of the last byte means raw readings in newer firmware and nothing at all in older. Which of them
// it is must be registered; a guess would be a permittivity taken for moisture, or the other way round.
function soil(v, warnings, variables) {
  const data = {
    battery_voltage: (v.getUint16(0) & MILLIVOLTS) / 1000,
    ...probe("probe_temperature", v.getInt16(2)),
  };
  if (v.getUint8(10) & 0x80) {
    if (variables.raw_mode !== "true") {
      warnings.push("soil left out: the frame says raw mode, register raw_mode if that is how it is set");
      return data;
    }
    return {
      ...data,
      dielectric_permittivity: v.getUint16(4) / 10,
      raw_soil_moisture: v.getUint16(6),
      raw_soil_conductivity: v.getUint16(8),
    };
  }
  return {
    ...data,
    soil_moisture: v.getUint16(4) / 100,
    soil_temperature: v.getInt16(6) / 100,
    soil_conductivity: v.getUint16(8) / 10000,
  };
}

const LEAK_MODE = 2;

function wetness(v, warnings) {
  const battery = { battery_voltage: (v.getUint16(0) & MILLIVOLTS) / 1000 };
  const mode = v.getUint8(2);
  if (mode !== LEAK_MODE) {
    warnings.push(`mode ${mode} is not of a water leak sensor`);
    return battery;
  }
  const triple = (at) => (v.getUint16(at) << 8) | v.getUint8(at + 2);
  return {
    ...battery,
    leak: (v.getUint8(0) & 0x40) !== 0,
    leak_count: triple(3),
    last_leak_duration: triple(6) * 60,
  };
}

// A cell of 3.6 V never reaches that bit by itself. How the samples lie is not published.
function multiSample(v) {
  return {
    data: { battery_voltage: (v.getUint16(0) & (MULTI_SAMPLE - 1)) / 1000 },
    warnings: ["frame of several samples: distances left out"],
  };
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  const name = input.variables?.model;
  const model = MODELS[name];
  if (!model) {
    return { errors: [`option model is "${name}", want ${Object.keys(MODELS).join(" or ")}`] };
  }
  if (OTHER_PORTS.includes(input.fPort)) {
    return { data: {}, warnings: [`port ${input.fPort} is history or device information`] };
  }
  if (input.fPort !== model.port) {
    return { errors: [`port ${input.fPort}, want ${model.port}`] };
  }
  const view = new DataView(bytes.buffer);
  if (name === "LDDS75" && bytes.length >= 8 && view.getUint16(0) & MULTI_SAMPLE) {
    return multiSample(view);
  }
  if (bytes.length !== model.length) {
    return { errors: [`payload has ${have}, want ${model.length}`] };
  }
  const warnings = [];
  const data = model.read(view, warnings, input.variables);
  for (const field in data) {
    if (field.endsWith("_status")) warnings.push(`${field.replace("_status", "")}: ${data[field]}`);
  }
  return { data, warnings };
}
