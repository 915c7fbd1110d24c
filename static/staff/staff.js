// The theme's markup lacks two things for screen readers: icons are no words, and a page has a main part.
const nameParts = (root) => {
    for (const icon of root.querySelectorAll(".material-symbols-outlined")) {
        icon.setAttribute("aria-hidden", "true");
    }
};

document.addEventListener("DOMContentLoaded", () => {
    nameParts(document);
    document.getElementById("content")?.setAttribute("role", "main");
});

// Charts of parts of a page that arrive later, by htmx: the theme draws only those that were there at the start.
document.addEventListener("htmx:afterSettle", (event) => {
    nameParts(event.target);
    // A part that arrives before the page has loaded is drawn by the theme.
    if (document.readyState !== "complete") {
        return;
    }
    for (const canvas of event.target.querySelectorAll("canvas.chart")) {
        if (!Chart.getChart(canvas)) {
            new Chart(canvas, {
                type: canvas.dataset.type,
                data: JSON.parse(canvas.dataset.value),
                options: JSON.parse(canvas.dataset.options),
            });
        }
    }
});
