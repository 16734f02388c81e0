// Every chart that is on the page now and not in a hidden tab, as a person would see it. Told from the page itself:
// Superset's own test marks, and for plots, which are but pixels to the page, what the plot was told to draw.
() => {
  const shown = (element) => element.getClientRects().length > 0;
  const text = (element) => element.innerText.trim();

  // A table as rows {heading: cell}; headings above each other (pivot tables) are joined.
  function rows(body) {
    const grid = [], heads = [];
    for (const tr of body.querySelectorAll("tr")) {
      if (!shown(tr)) continue;
      const head = tr.closest("thead") !== null;
      const lines = head ? heads : grid;
      const at = lines.length;
      lines[at] ??= [];
      let column = 0;
      for (const cell of tr.cells) {
        while (lines[at][column] !== undefined) column++;
        for (let y = 0; y < (head ? cell.rowSpan : 1); y++) {
          lines[at + y] ??= [];
          for (let x = 0; x < cell.colSpan; x++) lines[at + y][column + x] = text(cell);
        }
        column += cell.colSpan;
      }
    }
    const heading = (i) => [...new Set(heads.map((line) => line[i]).filter(Boolean))].join(" / ") || `${i}`;
    return grid.map((line) => Object.fromEntries(line.map((value, i) => [heading(i), value])));
  }

  // What a plot was told to draw, {series: [point, …]}; a line's gaps are no points.
  function series(canvas) {
    let element = canvas, fiber;
    while (element && !(fiber = element[Object.keys(element).find((key) => key.startsWith("__reactFiber$"))]))
      element = element.parentElement;
    while (fiber && !fiber.memoizedProps?.echartOptions) fiber = fiber.return;
    if (!fiber) return {};
    const { series = [], dataset = [] } = fiber.memoizedProps.echartOptions;
    const drawn = {};
    for (const one of [series].flat()) {
      const data = one.data ?? [dataset].flat()[one.datasetIndex ?? 0]?.source ?? [];
      const points = data.map((item) => item?.value ?? item);
      const whole = (point) => ![point].flat(2).some((value) => value === null || Number.isNaN(value));
      drawn[one.name ?? one.type] = (drawn[one.name ?? one.type] ?? []).concat(points.filter(whole));
    }
    return drawn;
  }

  function painted(canvas) {
    const small = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
    small.drawImage(canvas, 0, 0, 64, 64);
    return small.getImageData(0, 0, 64, 64).data.some((value) => value);
  }

  function look(chart) {
    const alert = chart.querySelector(".ant-alert-error, [role=alert]");
    if (alert) return { state: "error", text: text(alert) };
    if (chart.querySelector("[data-test=loading-indicator]")) return { state: "waiting" };
    const empty = [...chart.querySelectorAll(".ant-empty")].find(shown);
    if (empty) return { state: "empty", text: text(empty) };
    const body = chart.querySelector("[data-test=slice-container] [id^=chart-id-]");
    if (!body?.children.length) return { state: "waiting" };
    const number = body.querySelector(".header-line");
    if (number) return { state: text(number) === "No data" ? "empty" : "data", text: text(number) };
    const canvas = body.querySelector("canvas");
    if (canvas) {
      const drawn = series(canvas);
      const state = Object.values(drawn).some((points) => points.length) ? "data" : "empty";
      return { state: [...body.querySelectorAll("canvas")].some(painted) ? state : "waiting", series: drawn };
    }
    if (body.querySelector("table")) {
      const cells = rows(body);
      return { state: cells.length ? "data" : "empty", rows: cells };
    }
    return { state: text(body) || body.querySelector("svg") ? "data" : "waiting", text: text(body) };
  }

  const charts = [...document.querySelectorAll("[data-test=chart-grid-component]")].filter(shown).map((chart) => ({
    id: Number(chart.dataset.testChartId),
    title: chart.dataset.testChartName,
    ...look(chart),
  }));
  const missing = [...document.querySelectorAll(".missing-chart-container")].filter(shown).map((box, i) => ({
    id: -1 - i,
    title: `missing chart ${i + 1}`,
    state: "error",
    text: text(box),
  }));
  return [...charts, ...missing];
}
