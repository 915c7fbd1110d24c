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
