// The one tooltip of the page, beside the pointer and inside the window.

const box = document.getElementById("tooltip");
const DISTANCE = 16;

export function showTooltip(event, ...content) {
  box.replaceChildren(...content);
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const [x, y] = [event.clientX, event.clientY];
  box.style.left = `${x + DISTANCE + width > innerWidth ? Math.max(4, x - DISTANCE - width) : x + DISTANCE}px`;
  box.style.top = `${Math.max(4, Math.min(y - height / 2, innerHeight - height - 4))}px`;
}

export const hideTooltip = () => {
  box.hidden = true;
};
