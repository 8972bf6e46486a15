// Cloudscape's colours for data, which differ also for those who see fewer of them; one order for each theme.

const LIGHT = ["#688ae8", "#c33d69", "#2ea597", "#8456ce", "#e07941", "#3759ce", "#962249", "#096f64", "#6237a7", "#a84401"];
const DARK = ["#7f9cf5", "#e07f9d", "#3fb8a8", "#b088f5", "#ec8a4f", "#a9bcff", "#f7a6bd", "#63d6c6", "#d3b8fb", "#f5b083"];

export const dark = () => document.documentElement.dataset.theme === "dark";

/** A colour for each series: what the dashboard says, else the next of the palette, paler after each round. */
export function colors(series) {
  const palette = dark() ? DARK : LIGHT;
  let next = 0;
  return series.map((each) => {
    if (/^#[0-9a-f]{6}$/i.test(each.color ?? "")) return each.color;
    const [round, at] = [Math.floor(next / palette.length), next++ % palette.length];
    return round ? mixed(palette[at], [0, 0.35, 0.6, 0.2, 0.5][round % 5]) : palette[at];
  });
}

export const faded = (color, alpha) => color + Math.round(alpha * 255).toString(16).padStart(2, "0");

function mixed(color, share) {
  const other = dark() ? 0 : 255;
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return "#" + parts.map((part) => Math.round(part + (other - part) * share).toString(16).padStart(2, "0")).join("");
}
