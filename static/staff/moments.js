// Buttons below a date fill it in: see lib/admin/moment_presets.py.
document.addEventListener("DOMContentLoaded", () => {
    for (const moments of document.querySelectorAll("[data-moments]")) {
        moments.hidden = false;
    }
});

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-moments] button");
    if (!button) return;
    const { moments: name, zoneField } = button.parentElement.dataset;
    const fields = button.closest("form").elements;
    const values = { [`${name}_0`]: button.dataset.date, [`${name}_1`]: button.dataset.time };
    if (zoneField) values[zoneField] = button.dataset.zone;
    for (const [field, value] of Object.entries(values)) {
        fields[field].value = value;
        fields[field].dispatchEvent(new Event("change", { bubbles: true }));
    }
});
