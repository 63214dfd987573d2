// The look of the plots. Text and lines take the colours passed in, so that the
// same plot works on a dark page and on a light one.
export function theme({ ink, faint, line }) {
  const axis = {
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    axisLabel: { color: ink },
    nameTextStyle: { color: faint },
    splitLine: { lineStyle: { color: line } },
    minorSplitLine: { lineStyle: { color: line } },
  }
  return {
    backgroundColor: 'transparent',
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: {
      textStyle: { color: ink, fontSize: 15, fontWeight: 600 },
      subtextStyle: { color: faint, fontSize: 12 },
    },
    legend: { textStyle: { color: ink } },
    label: { color: ink },
    bar: { label: { color: ink } },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    logAxis: axis,
  }
}

export const LIGHT = { ink: '#1f2328', faint: '#59636e', line: '#d1d9e0' }
export const DARK = { ink: '#e6edf3', faint: '#9198a1', line: '#3d444d' }
