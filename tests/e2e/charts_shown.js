// Every chart that is on the page now and not in a hidden tab, as a person would see it. Told from the page itself:
// Superset's own test marks, and for plots, which are but pixels to the page, what the plot was told to draw.
() => {
  const shown = (element) => element.getClientRects().length > 0;
  const text = (element) => element.innerText.trim();

  // Lines of cells by column; what spans several lines or columns is in each of them.
  function lines(trs) {
    const grid = trs.map(() => []);
    trs.forEach((tr, y) => {
      let x = 0;
      for (const cell of tr.cells) {
        while (x in grid[y]) x++;
        for (let down = 0; down < cell.rowSpan && y + down < grid.length; down++)
          for (let over = 0; over < cell.colSpan; over++) grid[y + down][x + over] = { text: text(cell), over };
        x += cell.colSpan;
      }
    });
    return grid;
  }

  // A table as rows {heading: cell}; headings above each other (pivot tables) are joined.
  function rows(body) {
    const trs = [...body.querySelectorAll("tr")].filter(shown);
    const heads = lines(trs.filter((tr) => tr.closest("thead")));
    const heading = (x) => [...new Set(heads.map((line) => line[x]?.text).filter(Boolean))].join(" / ") || `${x}`;
    return lines(trs.filter((tr) => !tr.closest("thead"))).map((line) =>
      Object.fromEntries(line.flatMap((cell, x) => (cell.over ? [] : [[heading(x), cell.text]])))
    );
  }

  // What a plot was told to draw, {series: [point, …]}, gaps left out, and whether that is anything to see: of a line
  // without marks, one point is not.
  function series(canvas) {
    let element = canvas, fiber;
    while (element && !(fiber = element[Object.keys(element).find((key) => key.startsWith("__reactFiber$"))]))
      element = element.parentElement;
    while (fiber && !fiber.memoizedProps?.echartOptions) fiber = fiber.return;
    let seen = false;
    if (!fiber) return { drawn: {}, seen };
    const { series = [], dataset = [] } = fiber.memoizedProps.echartOptions;
    const drawn = {};
    for (const one of [series].flat()) {
      const data = one.data ?? [dataset].flat()[one.datasetIndex ?? 0]?.source ?? [];
      const points = data.map((item) => item?.value ?? item);
      // Where it lies: x and y, and a heat map's value; what comes after that may be null, as the size of a grey disc.
      const told = one.type === "heatmap" ? 3 : 2;
      const lies = (point) => [point].flat().slice(0, told).every((value) => value !== null && !Number.isNaN(value));
      const name = one.name ?? one.type;
      drawn[name] = (drawn[name] ?? []).concat(points.filter(lies));
      seen ||= drawn[name].length > (one.type === "line" && one.showSymbol === false ? 1 : 0);
    }
    return { drawn, seen };
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
    const box = chart.querySelector("[data-test=chart-container]");
    if ([...chart.querySelectorAll(".ant-empty")].some(shown)) return { state: "empty", text: text(box) };
    const body = chart.querySelector("[data-test=slice-container] [id^=chart-id-]");
    if (!body?.children.length) return { state: "waiting" };
    const number = body.querySelector(".header-line");
    if (number) return { state: text(number) === "No data" ? "empty" : "data", text: text(number) };
    const canvas = body.querySelector("canvas");
    if (canvas) {
      if (![...body.querySelectorAll("canvas")].some(painted)) return { state: "waiting" };
      const { drawn, seen } = series(canvas);
      return { state: seen ? "data" : "empty", text: seen ? "" : "nothing is drawn", series: drawn };
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
