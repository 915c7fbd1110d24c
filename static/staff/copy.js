// A button that copies the text of the element that it names; without scripts, the text is selected by hand.
document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-copies]")) {
        button.hidden = false;
        const label = button.textContent;
        button.addEventListener("click", async () => {
            const text = document.getElementById(button.dataset.copies);
            try {
                await navigator.clipboard.writeText(text.textContent.trim());
                button.textContent = button.dataset.done;
                setTimeout(() => { button.textContent = label; }, 2000);
            } catch {
                getSelection().selectAllChildren(text);
            }
        });
    }
});
