// The first unit of each tier follows from the tiers below it, in whatever order they are typed.
(() => {
    const bound = (row) => {
        const text = row.querySelector("input[name$='-up_to']")?.value.replaceAll(",", "").trim() ?? "";
        return text === "" ? null : Number(text);
    };

    const first = (below) => (Number.isInteger(below) ? (below + 1).toLocaleString("en") : `above ${below.toLocaleString("en")}`);

    const show = (grid) => {
        const rows = [...grid.querySelectorAll(":scope > tbody.form-group:not(.empty-form)")];
        const bounds = rows.map(bound).filter((one) => one !== null && !Number.isNaN(one));
        for (const row of rows) {
            const cell = row.querySelector(".field-first_unit .readonly, .field-first_unit > div") ?? row.querySelector(".field-first_unit");
            const own = bound(row) ?? Infinity;
            if (cell && !Number.isNaN(own)) {
                cell.textContent = first(Math.max(0, ...bounds.filter((one) => one < own)));
            }
        }
    };

    const showAll = () => document.querySelectorAll("table[id$='-tiers-data']").forEach(show);

    document.addEventListener("input", (event) => {
        if (event.target.name?.endsWith("-up_to")) {
            show(event.target.closest("table"));
        }
    });
    document.addEventListener("formset:added", showAll);
    document.addEventListener("formset:removed", showAll);
    window.addEventListener("load", () => {
        if (document.querySelector("input[name$='-up_to']")) {
            showAll();
        }
    });
})();
