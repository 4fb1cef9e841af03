// VEGAPULS Air 41 and 42. The first byte names the packet, the packet fixes the fields and so the
// length. Firmware and settings decide between two families, 2 to 5 and 8 to 15, with the same
// quantities; both are here because a fleet has both. Everything is big-endian.

// A distance sent in any unit leaves here in metres.
const METRES = new Map([[44, 0.3048], [45, 1], [47, 0.0254], [49, 0.001]]);
const CELSIUS = 32;
const FAHRENHEIT = 33;
const NOT_AVAILABLE = -0x8000;

// A single-precision value shown with nine digits is the value, and not the noise behind it.
const tidy = (value) => Number(value.toPrecision(9));

const FIELDS = {
  namur: [1, (v, data) => { data.namur_status = v.getUint8(0); }],
  measurement: [5, (v, data, warnings) => {
    const value = v.getFloat32(0);
    const unit = v.getUint8(4);
    if (!Number.isFinite(value)) {
      // Not a number is the sensor's word for no echo, or for a failure.
      data.distance_status = "read_failed";
    } else if (METRES.has(unit)) {
      data.distance = tidy(value * METRES.get(unit));
    } else {
      warnings.push(`distance left out: unit code ${unit} is not a length we know`);
    }
  }],
  percent: [4, (v, data) => {
    if (v.getInt16(0) !== NOT_AVAILABLE) data.level_percent = v.getInt16(0) / 100;
    if (v.getInt16(2) !== NOT_AVAILABLE) data.level_percent_linearized = v.getInt16(2) / 100;
  }],
  // The reading again in a scale set on site; the site's own parameters do that here.
  scaled: [5, () => {}],
  battery: [1, (v, data) => { data.battery_level = v.getUint8(0); }],
  position: [8, (v, data) => {
    if (Number.isFinite(v.getFloat32(0))) data.latitude = tidy(v.getFloat32(0));
    if (Number.isFinite(v.getFloat32(4))) data.longitude = tidy(v.getFloat32(4));
  }],
  status: [4, (v, data) => { data.device_status = v.getUint32(0); }],
  celsius: [2, (v, data) => {
    if (v.getInt16(0) !== NOT_AVAILABLE) data.device_temperature = v.getInt16(0) / 10;
  }],
  temperature: [3, (v, data, warnings) => {
    const tenths = v.getInt16(0);
    const unit = v.getUint8(2);
    if (tenths === NOT_AVAILABLE) return;
    if (unit === CELSIUS) data.device_temperature = tenths / 10;
    else if (unit === FAHRENHEIT) data.device_temperature = tidy((tenths - 320) / 18);
    else warnings.push(`device temperature left out: unit code ${unit} is not one we know`);
  }],
  inclination: [1, (v, data) => { data.inclination = v.getUint8(0); }],
};

// Packets 8, 9, 12 and 13 have no NAMUR byte: their state is unknown, which is not the same as good.
const PACKETS = new Map(Object.entries({
  2: "namur measurement battery celsius inclination",
  3: "namur measurement battery celsius position inclination",
  4: "namur measurement battery celsius status inclination",
  5: "namur measurement battery celsius position status inclination",
  6: "namur position",
  7: "namur status",
  8: "measurement battery temperature inclination",
  9: "measurement battery position temperature inclination",
  10: "namur measurement battery status temperature inclination",
  11: "namur measurement battery position status temperature inclination",
  12: "measurement percent scaled battery temperature inclination",
  13: "measurement percent scaled battery position temperature inclination",
  14: "namur measurement percent scaled battery status temperature inclination",
  15: "namur measurement percent scaled battery position status temperature inclination",
}).map(([packet, names]) => [Number(packet), names.split(" ").map((name) => FIELDS[name])]));

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  if (bytes.length === 0) {
    return { errors: ["payload has 0 bytes, want at least 1"] };
  }
  const packet = bytes[0];
  if ((packet >= 16 && packet <= 26) || packet === 254) {
    // Names, schedules, scaling and the dummy: known, kept raw by the archive, nothing to measure.
    return { data: {}, warnings: [`packet ${packet} carries no measurement`] };
  }
  const fields = PACKETS.get(packet);
  if (!fields) {
    return { errors: [`unknown packet ${packet}`] };
  }
  const want = fields.reduce((sum, [length]) => sum + length, 1);
  if (bytes.length !== want) {
    const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
    return { errors: [`payload has ${have}, want ${want} for packet ${packet}`] };
  }

  const data = {};
  const warnings = [];
  let at = 1;
  for (const [length, read] of fields) {
    read(new DataView(bytes.buffer, at, length), data, warnings);
    at += length;
  }
  return { data, warnings };
}
