// The command bar: opens with Ctrl+K, and follows arrows and Enter. Without scripts, its link leads to a page.
document.addEventListener("DOMContentLoaded", () => {
    const dialog = document.getElementById("command");
    if (!dialog) return;
    const form = dialog.querySelector("form");
    const hits = document.getElementById("command-hits");
    const links = () => [...hits.querySelectorAll("a")];
    let current = 0;
    let typing;
    let shown = "";

    const mark = (index) => {
        const all = links();
        current = all.length ? (index + all.length) % all.length : 0;
        all.forEach((link, place) => link.classList.toggle("on", place === current));
        all[current]?.scrollIntoView({ block: "nearest" });
    };

    const search = async () => {
        shown = form.q.value;
        // `source` lets a new search abort the one before: see hx-sync in the template.
        await htmx.ajax("GET", `${form.action}?q=${encodeURIComponent(shown)}`, { source: hits, target: hits });
        mark(0);
    };

    const open = () => {
        dialog.showModal();
        form.q.select();
        search();
    };

    document.addEventListener("keydown", (event) => {
        if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
            event.preventDefault();
            dialog.open ? dialog.close() : open();
        }
    });
    for (const link of document.querySelectorAll("[data-command]")) {
        link.addEventListener("click", (event) => {
            event.preventDefault();
            open();
        });
    }
    form.q.addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(search, 150);
    });
    form.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step) {
            event.preventDefault();
            mark(current + step);
        }
    });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        clearTimeout(typing);
        if (shown !== form.q.value) await search();
        const link = links()[current];
        if (link) location.assign(link.href);
    });
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close();
    });
});
