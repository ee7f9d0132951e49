const WIDTH = 120;
const HEIGHT = 30;

/** The last two minutes of a bitrate as a line; a chart library per row would cost more than the row. */
export function Spark({ values, label }: { values: number[]; label: string }) {
  if (values.length < 2)
    return (
      <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${label}: no figures yet`} />
    );
  const most = Math.max(...values, 1);
  const step = WIDTH / (values.length - 1);
  const points = values
    .map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`)
    .join(' ');
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon className="area" points={`0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />
      <polyline className="line" points={points} />
    </svg>
  );
}
