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

document.addEventListener("htmx:afterSettle", (event) => nameParts(event.target));

// A click anywhere in a row of a list opens it, with the keys that a link has; text can still be selected.
document.addEventListener("click", (event) => {
    const link = event.target.closest("#result_list tr.data-row")?.querySelector("th > a");
    if (link && !event.target.closest("a, button, input, label, select, textarea, .action-checkbox") && getSelection().isCollapsed) {
        const { ctrlKey, metaKey, shiftKey } = event;
        link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
    }
});

// Columns of a list are put in order by buttons; the form sends them in the order of the page.
document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    const row = button?.closest("li");
    if (!row) {
        return;
    }
    const other = button.dataset.move < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (other) {
        other[button.dataset.move < 0 ? "before" : "after"](row);
        button.focus();
    }
});

// Print shows what is folded on the screen; afterwards the page is as before.
let folded = [];
window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    folded.forEach((details) => details.setAttribute("open", ""));
});
window.addEventListener("afterprint", () => {
    folded.forEach((details) => details.removeAttribute("open"));
    folded = [];
});
