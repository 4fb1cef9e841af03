// The frame grammar shared by every Elsys model: a type byte, its value big-endian, and so on to the
// end. What a temperature is the temperature of depends on the model, so probes have neutral names
// here and the profile says which is water.

// Bytes of each type's value. A type that `fields` does not read is stepped over.
const LENGTHS = {
  0x01: 2, 0x02: 1, 0x03: 3, 0x04: 2, 0x05: 1, 0x06: 2, 0x07: 2, 0x08: 2, 0x09: 6, 0x0a: 2, 0x0b: 4,
  0x0c: 2, 0x0d: 1, 0x0e: 2, 0x0f: 1, 0x10: 4, 0x11: 1, 0x12: 1, 0x13: 65, 0x14: 4, 0x15: 2, 0x16: 2,
  0x17: 4, 0x18: 2, 0x19: 2, 0x1a: 1, 0x1b: 4, 0x1c: 2, 0x3d: 4,
};

// What the nth value of a type means.
function fields(type, v, nth, input) {
  switch (type) {
    case 0x01: return { air_temperature: v.getInt16(0) / 10 };
    case 0x02: return { relative_humidity: v.getUint8(0) };
    case 0x03: return {
      acceleration_x: v.getInt8(0) / 63,
      acceleration_y: v.getInt8(1) / 63,
      acceleration_z: v.getInt8(2) / 63,
    };
    case 0x04: return { illuminance: v.getUint16(0) };
    case 0x05: return { motion_count: v.getUint8(0) };
    case 0x06: return { carbon_dioxide_ppm: v.getUint16(0) };
    case 0x07: return { battery_voltage: v.getUint16(0) / 1000 };
    case 0x08: return { analog_input: v.getUint16(0) / 1000 };
    case 0x09: return {}; // position; the scale is not published with the grammar we follow
    case 0x0a: return { pulse_count: v.getUint16(0) };
    case 0x0b: return { pulse_total: v.getUint32(0) };
    case 0x0c: return probe("external_temperature", v.getInt16(0));
    case 0x0d: return { digital_input: v.getUint8(0) !== 0 };
    case 0x0e: return distance(v.getUint16(0), input);
    case 0x0f: return { acceleration_motion_count: v.getUint8(0) };
    case 0x10: return {
      infrared_temperature_internal: v.getInt16(0) / 10,
      infrared_temperature_external: v.getInt16(2) / 10,
    };
    case 0x11: return { occupancy_class: v.getUint8(0) };
    case 0x12: return { wetness: v.getUint8(0) };
    case 0x13: return {}; // heat image: a picture, not a measurement
    case 0x14: return { air_pressure: v.getInt32(0) / 10 }; // 0.001 hPa
    case 0x15: return { sound_level_peak: v.getUint8(0), sound_level_avg: v.getUint8(1) };
    case 0x16: return { pulse_count_2: v.getUint16(0) };
    case 0x17: return { pulse_total_2: v.getUint32(0) };
    case 0x18: return { analog_input_2: v.getUint16(0) / 1000 };
    // May repeat, one record for each further probe on the wire.
    case 0x19: return probe(`external_temperature_${nth + 2}`, v.getInt16(0));
    case 0x1a: return { digital_input_2: v.getUint8(0) !== 0 };
    case 0x1b: return { load_cell: v.getInt32(0) / 1000000 };
    case 0x1c: return { volatile_organic_compounds_ppb: v.getUint16(0) };
    default: return {}; // debug
  }
}

const SETTINGS = 0x3e;

// A DS18B20 cannot read below -55, and the device sends -200.0 for one that does not answer; 0x7fff is
// the same story from the other end. Either would be a spectacular bathing temperature.
function probe(name, raw) {
  if (raw < -550 || raw === 0x7fff) {
    return { [`${name}_status`]: "no_sensor" };
  }
  return { [name]: raw / 10 };
}

// Without an echo the ultrasonic head sends 0 or its own maximum, which would become deep snow or a
// flood. Which maximum it is depends on the head; when nobody has said, both are taken for silence.
function distance(millimetres, input) {
  const silence = { "5 m": [0, 5000], "10 m": [0, 9999] }[input.variables?.range] ?? [0, 5000, 9999];
  if (silence.includes(millimetres)) {
    return { distance_status: "read_failed" };
  }
  return { distance: millimetres / 1000 };
}

function hex(byte) {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

// The port is not checked: 5 is usual, 1 is seen, and an unknown type gives a foreign frame away.
function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const seen = {};
  const data = {};
  const warnings = [];
  if (bytes.length === 0) {
    return { errors: ["payload has 0 bytes, want at least 2"] };
  }

  let at = 0;
  while (at < bytes.length) {
    // The two top bits count the time-offset bytes that follow the value.
    const type = bytes[at] & 0x3f;
    const offsetLength = bytes[at] >> 6;
    if (type === SETTINGS) {
      // Its length is not known, so nothing after it can be found either.
      warnings.push(`settings from byte ${at} on, not measurements`);
      break;
    }
    const length = LENGTHS[type];
    if (length === undefined) {
      return { errors: [`unknown type ${hex(type)} at byte ${at}`] };
    }
    const end = at + 1 + length + offsetLength;
    if (end > bytes.length) {
      const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
      return { errors: [`payload has ${have}, want at least ${end} for type ${hex(type)} at byte ${at}`] };
    }
    if (offsetLength > 0) {
      // Older than the frame, by an offset whose unit Elsys does not state: better no value than one
      // at the wrong time.
      warnings.push(`type ${hex(type)} at byte ${at} is a buffered value and was left out`);
    } else {
      const nth = seen[type] ?? 0;
      seen[type] = nth + 1;
      const found = fields(type, new DataView(bytes.buffer, at + 1, length), nth, input);
      for (const name in found) {
        const value = found[name];
        if (value === "no_sensor") warnings.push(`${name.replace("_status", "")}: probe fault`);
        if (value === "read_failed") warnings.push(`${name.replace("_status", "")}: no echo`);
        data[name] = value;
      }
    }
    at = end;
  }
  return { data, warnings };
}
