// Time ranges: relative to now, or between two times; all in milliseconds.

const UNITS = { m: 60e3, h: 3600e3, d: 86400e3, w: 604800e3 };
export const PRESETS = ["1h", "3h", "12h", "1d", "3d", "1w"];
const DURATION = /^-P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/;

/** "3h", or "<start>~<end>"; null where it is neither. */
export function parse(text) {
  const relative = /^(\d{1,4})([mhdw])$/.exec(text ?? "");
  if (relative) return { text, length: Number(relative[1]) * UNITS[relative[2]] };
  const absolute = /^(\d{12,14})~(\d{12,14})$/.exec(text ?? "");
  if (absolute && Number(absolute[1]) < Number(absolute[2])) {
    return { text, start: Number(absolute[1]), end: Number(absolute[2]) };
  }
  return null;
}

export const between = (start, end) => parse(`${Math.round(start)}~${Math.round(end)}`);

/** The range that the body of a dashboard begins with: an ISO 8601 duration, or a time. */
export function ofBody(body) {
  const found = DURATION.exec(body.start ?? "-PT3H");
  if (!found) return body.start && between(Date.parse(body.start), body.end ? Date.parse(body.end) : Date.now());
  const [weeks, days, hours, minutes] = found.slice(1).map((each) => Number(each ?? 0));
  const length = weeks * UNITS.w + days * UNITS.d + hours * UNITS.h + minutes * UNITS.m;
  const unit = ["w", "d", "h", "m"].find((each) => length % UNITS[each] === 0);
  return { text: `${length / UNITS[unit]}${unit}`, length };
}

export const bounds = (range, now = Date.now()) =>
  range.length ? { start: now - range.length, end: now } : { start: range.start, end: range.end };
