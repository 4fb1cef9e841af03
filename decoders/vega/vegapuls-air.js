// VEGAPULS Air 41 and 42. The first byte names the packet, the packet fixes the fields and so the
// length. Firmware and settings decide between two families, 2 to 5 and 8 to 15, with the same
// quantities; both are here because a fleet has both. Everything is big-endian.

// A distance sent in any unit leaves here in metres.
const METRES = { 44: 0.3048, 45: 1, 47: 0.0254, 49: 0.001 };
const CELSIUS = 32;
const FAHRENHEIT = 33;
const NOT_AVAILABLE = -0x8000;

// A single-precision value shown with nine digits is the value, and not the noise behind it.
const tidy = (value) => Number(value.toPrecision(9));

// Bytes of each field.
const LENGTHS = {
  namur: 1, measurement: 5, percent: 4, scaled: 5, battery: 1, position: 8, status: 4, celsius: 2,
  temperature: 3, inclination: 1,
};

// Packets 8, 9, 12 and 13 have no NAMUR byte: their state is unknown, which is not the same as good.
const PACKETS = {
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
};

function read(field, v, data, warnings) {
  switch (field) {
    case "namur": data.namur_status = v.getUint8(0); break;
    case "measurement": readDistance(v.getFloat32(0), v.getUint8(4), data, warnings); break;
    case "percent":
      if (v.getInt16(0) !== NOT_AVAILABLE) data.level_percent = v.getInt16(0) / 100;
      if (v.getInt16(2) !== NOT_AVAILABLE) data.level_percent_linearized = v.getInt16(2) / 100;
      break;
    // The reading again in a scale set on site; the site's own parameters do that here.
    case "scaled": break;
    case "battery": data.battery_level = v.getUint8(0); break;
    case "position":
      if (Number.isFinite(v.getFloat32(0))) data.latitude = tidy(v.getFloat32(0));
      if (Number.isFinite(v.getFloat32(4))) data.longitude = tidy(v.getFloat32(4));
      break;
    case "status": data.device_status = v.getUint32(0); break;
    case "celsius": readTemperature(v.getInt16(0), CELSIUS, data, warnings); break;
    case "temperature": readTemperature(v.getInt16(0), v.getUint8(2), data, warnings); break;
    case "inclination": data.inclination = v.getUint8(0); break;
  }
}

function readDistance(value, unit, data, warnings) {
  if (!Number.isFinite(value)) {
    // Not a number is the sensor's word for no echo, or for a failure.
    data.distance_status = "read_failed";
  } else if (unit in METRES) {
    data.distance = tidy(value * METRES[unit]);
  } else {
    warnings.push(`distance left out: unit code ${unit} is not a length we know`);
  }
}

function readTemperature(tenths, unit, data, warnings) {
  if (tenths === NOT_AVAILABLE) return;
  if (unit === CELSIUS) data.device_temperature = tenths / 10;
  else if (unit === FAHRENHEIT) data.device_temperature = tidy((tenths - 320) / 18);
  else warnings.push(`device temperature left out: unit code ${unit} is not one we know`);
}

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
  if (!(packet in PACKETS)) {
    return { errors: [`unknown packet ${packet}`] };
  }
  const fields = PACKETS[packet].split(" ");
  const want = fields.reduce((sum, field) => sum + LENGTHS[field], 1);
  if (bytes.length !== want) {
    const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
    return { errors: [`payload has ${have}, want ${want} for packet ${packet}`] };
  }

  const data = {};
  const warnings = [];
  let at = 1;
  for (const field of fields) {
    read(field, new DataView(bytes.buffer, at, LENGTHS[field]), data, warnings);
    at += LENGTHS[field];
  }
  return { data, warnings };
}
