// The frame grammar shared by every Decentlab model: version, device id, one flag bit for each group
// of sensors, then the 16-bit words of the groups that are present. Everything is big-endian. The
// profile names the model in its options; a further model is a further row here and a profile.

const VERSION = 2;
const HEADER = 5;

const BATTERY = { words: 1, read: ([millivolts]) => ({ battery_voltage: millivolts / 1000 }) };

const MODELS = {
  "DL-MBX": [{ words: 2, read: ultrasonic }, BATTERY],
};

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
    Object.assign(data, read(raw, warnings));
    at += 2 * words;
  }
  return { data, warnings };
}
