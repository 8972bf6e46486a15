// Numbers and times for people.

const LOCALE = "en";
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 4 });

/** Few characters: for axes and large type. */
export const short = (value) => (Math.abs(value) >= 10000 ? compact.format(value) : number(value));

/** Four significant digits, or all digits before the point. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return Math.abs(value) >= 1000 ? whole.format(value) : precise.format(value);
}

export function ago(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 1) return "< 1 min";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const formats = {};

/** A time in milliseconds, in the zone "UTC" or that of the browser. */
export function time(at, zone, ...parts) {
  const key = `${zone} ${parts}`;
  formats[key] ??= new Intl.DateTimeFormat("en-GB", {
    timeZone: zone === "utc" ? "UTC" : undefined,
    ...(parts.includes("day") && { day: "numeric", month: "short" }),
    ...(parts.includes("minute") && { hour: "2-digit", minute: "2-digit" }),
    ...(parts.includes("second") && { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  });
  return formats[key].format(at);
}
