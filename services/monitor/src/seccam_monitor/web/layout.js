/* Computes the columns of the grid. Pure; lengths in CSS pixels. */

/** Tiles are at least this wide; if they don't fit then, the grid scrolls. */
const LEAST = 320;

/** The greatest width of tiles in this many columns at which all of them fit. */
function fitting(count, columns, { width, height, gap, caption }) {
  const rows = Math.ceil(count / columns);
  const byWidth = (width - (columns - 1) * gap) / columns;
  const byHeight = (((height - (rows - 1) * gap) / rows - caption) * 16) / 9;
  return Math.floor(Math.min(byWidth, byHeight));
}

/**
 * The number of columns that makes tiles widest while all of them fit without scrolling, and the tiles' width. If that is
 * below 320 px: as many columns of 320 px as fit, wider if a row still fits the height. A bar of `bar` px that reduces the
 * height makes tiles smaller, but moves none to another place.
 */
export function columns(count, room, bar = 0) {
  const whole = { ...room, height: room.height + bar };
  let best = { columns: 1, tile: 0 };
  for (let n = 1; n <= count; n += 1) {
    const tile = fitting(count, n, whole);
    if (tile > best.tile) best = { columns: n, tile };
  }
  if (best.tile >= LEAST) return { columns: best.columns, tile: Math.max(LEAST, fitting(count, best.columns, room)) };
  const n = Math.max(1, Math.min(count, Math.floor((room.width + room.gap) / (LEAST + room.gap))));
  const widest = Math.floor((room.width - (n - 1) * room.gap) / n);
  return { columns: n, tile: Math.min(widest, Math.max(LEAST, Math.floor(((room.height - room.caption) * 16) / 9))) };
}
