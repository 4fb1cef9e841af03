// The frame grammar shared by every Decentlab model: version, device id, one flag bit for each group
// of sensors, then the 16-bit words of the groups that are present. Everything is big-endian. The
// profile names the model in its options; a further model is a further row here and a profile.

const VERSION = 2;
const HEADER = 5;

const BATTERY = { words: 1, read: ([millivolts]) => ({ battery_voltage: millivolts / 1000 }) };

const MODELS = {
  "DL-DS18": [{ words: 1, read: submerged }, BATTERY],
  "DL-LID": [{ words: 11, read: laser }, BATTERY],
  "DL-MBX": [{ words: 2, read: ultrasonic }, BATTERY],
  "DL-PR21": [{ words: 2, read: pressure }, BATTERY],
  "DL-PR26": [{ words: 2, read: pressure }, BATTERY],
  "DL-SHT35": [{ words: 2, read: air }, BATTERY],
  "DL-SMTP": [{ words: 16, read: soil }, BATTERY],
};

// Signed words are shifted, not two's complement.
const ZERO = 32768;

function submerged([word]) {
  return { water_temperature: (word - ZERO) / 16 };
}

function air([temperature, humidity]) {
  return {
    air_temperature: (175 * temperature) / 65535 - 45,
    relative_humidity: (100 * humidity) / 65535,
  };
}

// The range is printed on the probe. A guess would be a flood or a drought, so without it there is no
// pressure. The temperature has a zero of its own.
function pressure([word, temperature], warnings, variables) {
  const data = { water_temperature: ((temperature - 384) * 3125) / 1000000 - 50 };
  const [min, max] = [variables.pressure_min, variables.pressure_max].map(Number.parseFloat);
  if (!(min < max)) {
    warnings.push("pressure left out: register pressure_min and pressure_max as printed on the probe");
    return data;
  }
  const part = (word - 16384) / ZERO;
  if (part < -0.02 || part > 1.05) {
    warnings.push(`pressure is outside the range of the probe, ${min} to ${max} bar`);
  }
  const bar = part * (max - min) + min;
  return { water_pressure: bar * 100000, ...data };
}

// A depth that the probe does not reach reads 0 in both words, which would be -327.68 degrees.
function soil(words) {
  const data = {};
  for (let depth = 0; depth < 8; depth += 1) {
    const [moisture, temperature] = words.slice(2 * depth, 2 * depth + 2);
    if (moisture !== 0 || temperature !== 0) {
      data[`soil_moisture_index_${depth}`] = (moisture - 2500) / 500;
      data[`soil_temperature_${depth}`] = (temperature - ZERO) / 100;
    }
  }
  return data;
}

const LASER_DISTANCES = [
  "distance", "distance_min", "distance_max", "distance_median", "distance_p10", "distance_p25",
  "distance_p75", "distance_p90", "distance_mode",
];

function laser(words, warnings) {
  const [samples, duration] = words.slice(9);
  const data = { samples, acquisition_time: duration / 1024 };
  if (samples === 0) {
    warnings.push("distances left out: no samples");
    return { distance_status: "read_failed", ...data };
  }
  LASER_DISTANCES.forEach((name, index) => {
    data[name] = words[index] / 1000;
  });
  return data;
}

// One reading is fifteen shots. The distance of no valid shot at all is not a distance.
function ultrasonic([millimetres, shots], warnings) {
  if (shots === 0 || millimetres === 0) {
    warnings.push(`distance left out: valid shots ${shots}, distance ${millimetres} mm`);
    return { distance_status: "read_failed", valid_samples: shots };
  }
  if (shots < 5) {
    warnings.push(`distance is of low quality: valid shots ${shots}, want at least 5`);
  }
  return { distance: millimetres / 1000, valid_samples: shots };
}

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const view = new DataView(bytes.buffer);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  const model = input.variables?.model;
  const groups = MODELS[model];
  if (!groups) {
    return { errors: [`option model is "${model}", want ${Object.keys(MODELS).join(" or ")}`] };
  }
  if (bytes.length < HEADER) {
    return { errors: [`payload has ${have}, want at least ${HEADER}`] };
  }
  if (bytes[0] !== VERSION) {
    return { errors: [`protocol version ${bytes[0]}, want ${VERSION}`] };
  }
  const flags = view.getUint16(3);
  if (flags >> groups.length !== 0) {
    return { errors: [`flags 0x${flags.toString(16)} name more than the ${groups.length} groups of ${model}`] };
  }
  const present = groups.filter((_, group) => (flags >> group) & 1);
  const want = present.reduce((sum, { words }) => sum + 2 * words, HEADER);
  if (bytes.length !== want) {
    return { errors: [`payload has ${have}, want ${want}`] };
  }

  const data = {};
  const warnings = [];
  let at = HEADER;
  for (const { words, read } of present) {
    const raw = Array.from({ length: words }, (_, word) => view.getUint16(at + 2 * word));
    Object.assign(data, read(raw, warnings, input.variables));
    at += 2 * words;
  }
  return { data, warnings };
}
