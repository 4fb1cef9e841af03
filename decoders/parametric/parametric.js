// Parametric's radars for traffic (TCR) and people (PCR2). A header names the frame and its version; the
// people counter also has two frames in the manner of Elsys. Everything is big-endian. Directions are as
// the unit sees them: a site says which of them is in.

const HEADER = 0xbe;
const SETTINGS_PORT = 190;

// Battery in per cent or millivolts, solar power in milliwatts, the processor's temperature.
function housekeeping(v, at, hasVoltage) {
  const battery = hasVoltage
    ? { battery_voltage: v.getUint16(at) / 1000 }
    : { battery_level: v.getUint8(at) };
  const next = at + (hasVoltage ? 2 : 1);
  return {
    ...battery,
    solar_power: v.getUint16(next) / 1000,
    device_temperature: v.getInt16(next + 2) / 10,
  };
}

const CLASSES = 4;

// The counts of all classes of vehicles together, and their mean speed where there were any.
function direction(name, v, at) {
  let [count, kilometresPerHour] = [0, 0];
  for (let index = 0; index < CLASSES; index += 1) {
    const vehicles = v.getUint16(at + 6 * index);
    count += vehicles;
    kilometresPerHour += vehicles * v.getUint8(at + 6 * index + 2);
  }
  const data = { [`vehicle_count_${name}`]: count };
  if (count > 0) {
    data[`vehicle_speed_${name}`] = kilometresPerHour / count / 3.6;
  }
  return data;
}

function traffic(v, hasVoltage) {
  const classes = hasVoltage ? 9 : 8;
  return {
    ...housekeeping(v, 3, hasVoltage),
    ...direction("ltr", v, classes),
    ...direction("rtl", v, classes + 3),
  };
}

function people(v, hasVoltage) {
  return {
    people_count_ltr: v.getUint16(3),
    people_count_rtl: v.getUint16(5),
    people_total_ltr: v.getUint16(7),
    people_total_rtl: v.getUint16(9),
    ...housekeeping(v, 11, hasVoltage),
  };
}

// Firmware 2 tags the second counter 0x16, firmware 3 uses 0x0a twice.
function peopleAsElsys(bytes, v) {
  const isKnown = bytes[0] === 0x0a && [0x0a, 0x16].includes(bytes[3]) && bytes[6] === 0x01;
  return isKnown && {
    people_count_ltr: v.getUint16(1),
    people_count_rtl: v.getUint16(4),
    device_temperature: v.getInt16(7) / 10,
  };
}

const ELSYS_LENGTH = 9;

// By kind and version: bytes of the frame, and how to read it.
const FRAMES = {
  TCR: { 0x0201: [32, (v) => traffic(v, false)], 0x0202: [33, (v) => traffic(v, true)] },
  PCR2: { 0x0103: [16, (v) => people(v, false)], 0x0104: [17, (v) => people(v, true)] },
};

function decodeUplink(input) {
  const bytes = Uint8Array.from(input.bytes);
  const view = new DataView(bytes.buffer);
  const have = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
  const model = input.variables?.model;
  const frames = FRAMES[model];
  if (!frames) {
    return { errors: [`option model is "${model}", want ${Object.keys(FRAMES).join(" or ")}`] };
  }
  if (input.fPort === SETTINGS_PORT) {
    return { data: {}, warnings: ["settings, not measurements"] };
  }
  if (bytes.length < 3) {
    return { errors: [`payload has ${have}, want at least 3`] };
  }
  if (model === "PCR2" && bytes[0] === 0x0a && bytes.length < ELSYS_LENGTH) {
    return { errors: [`payload has ${have}, want ${ELSYS_LENGTH}`] };
  }
  if (bytes[0] !== HEADER) {
    const data = model === "PCR2" && bytes.length === ELSYS_LENGTH && peopleAsElsys(bytes, view);
    return data ? { data } : { errors: [`no frame of ${model}: ${have} that begin with ${bytes[0]}`] };
  }
  const known = frames[view.getUint16(1)];
  if (!known) {
    return { errors: [`unknown frame ${bytes[1]} version ${bytes[2]} for ${model}`] };
  }
  const [want, read] = known;
  if (bytes.length !== want) {
    return { errors: [`payload has ${have}, want ${want}`] };
  }
  return { data: read(view) };
}
