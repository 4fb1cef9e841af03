// The frame grammar shared by every Elsys model: a type byte, its value big-endian, and so on to the
// end. What a temperature is the temperature of depends on the model, so probes have neutral names
// here and the profile says which is water.

// Type: length of the value, and what it means. A type without a reader is stepped over.
const TYPES = new Map([
  [0x01, [2, (v) => ({ air_temperature: v.getInt16(0) / 10 })]],
  [0x02, [1, (v) => ({ relative_humidity: v.getUint8(0) })]],
  [0x03, [3, (v) => ({
    acceleration_x: v.getInt8(0) / 63,
    acceleration_y: v.getInt8(1) / 63,
    acceleration_z: v.getInt8(2) / 63,
  })]],
  [0x04, [2, (v) => ({ illuminance: v.getUint16(0) })]],
  [0x05, [1, (v) => ({ motion_count: v.getUint8(0) })]],
  [0x06, [2, (v) => ({ carbon_dioxide_ppm: v.getUint16(0) })]],
  [0x07, [2, (v) => ({ battery_voltage: v.getUint16(0) / 1000 })]],
  [0x08, [2, (v) => ({ analog_input: v.getUint16(0) / 1000 })]],
  [0x09, [6]], // position; the scale is not published with the grammar we follow
  [0x0a, [2, (v) => ({ pulse_count: v.getUint16(0) })]],
  [0x0b, [4, (v) => ({ pulse_total: v.getUint32(0) })]],
  [0x0c, [2, (v) => probe("external_temperature", v.getInt16(0))]],
  [0x0d, [1, (v) => ({ digital_input: v.getUint8(0) !== 0 })]],
  [0x0e, [2, (v, input) => distance(v.getUint16(0), input)]],
  [0x0f, [1, (v) => ({ acceleration_motion_count: v.getUint8(0) })]],
  [0x10, [4, (v) => ({
    infrared_temperature_internal: v.getInt16(0) / 10,
    infrared_temperature_external: v.getInt16(2) / 10,
  })]],
  [0x11, [1, (v) => ({ occupancy_class: v.getUint8(0) })]],
  [0x12, [1, (v) => ({ wetness: v.getUint8(0) })]],
  [0x13, [65]], // heat image: a picture, not a measurement
  [0x14, [4, (v) => ({ air_pressure: v.getInt32(0) / 10 })]], // 0.001 hPa
  [0x15, [2, (v) => ({ sound_level_peak: v.getUint8(0), sound_level_avg: v.getUint8(1) })]],
  [0x16, [2, (v) => ({ pulse_count_2: v.getUint16(0) })]],
  [0x17, [4, (v) => ({ pulse_total_2: v.getUint32(0) })]],
  [0x18, [2, (v) => ({ analog_input_2: v.getUint16(0) / 1000 })]],
  // May repeat, one record for each further probe on the wire.
  [0x19, [2, (v, input, nth) => probe(`external_temperature_${nth + 2}`, v.getInt16(0))]],
  [0x1a, [1, (v) => ({ digital_input_2: v.getUint8(0) !== 0 })]],
  [0x1b, [4, (v) => ({ load_cell: v.getInt32(0) / 1000000 })]],
  [0x1c, [2, (v) => ({ volatile_organic_compounds_ppb: v.getUint16(0) })]],
  [0x3d, [4]], // debug
]);

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
  const seen = new Map();
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
    if (!TYPES.has(type)) {
      return { errors: [`unknown type ${hex(type)} at byte ${at}`] };
    }
    const [length, read] = TYPES.get(type);
    const end = at + 1 + length + offsetLength;
    if (end > bytes.length) {
      const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
      return { errors: [`payload has ${have}, want at least ${end} for type ${hex(type)} at byte ${at}`] };
    }
    if (offsetLength > 0) {
      // Older than the frame, by an offset whose unit Elsys does not state: better no value than one
      // at the wrong time.
      warnings.push(`type ${hex(type)} at byte ${at} is a buffered value and was left out`);
    } else if (read) {
      const nth = seen.get(type) ?? 0;
      seen.set(type, nth + 1);
      const fields = read(new DataView(bytes.buffer, at + 1, length), input, nth);
      for (const [name, value] of Object.entries(fields)) {
        if (value === "no_sensor") warnings.push(`${name.replace("_status", "")}: probe fault`);
        if (value === "read_failed") warnings.push(`${name.replace("_status", "")}: no echo`);
        data[name] = value;
      }
    }
    at = end;
  }
  return { data, warnings };
}
