// The price sheet with the keys of a spreadsheet. Without this script it is a plain form.
(() => {
    const form = document.getElementById("sheet-form");
    if (!form) {
        return;
    }
    const inputs = [...form.querySelectorAll("table.sheet input.figure")];
    const column = (input) => (input.closest("td") ? input.closest("td").cellIndex : 0);
    const rows = [...form.querySelectorAll("table.sheet tbody tr")];
    const rowOf = (input) => rows.indexOf(input.closest("tr"));
    const at = (row, cell) => inputs.find((input) => rowOf(input) === row && column(input) === cell);
    const isPrice = (input) => input.classList.contains("cell");
    let anchor = null;
    let active = null;
    let home = 1; // the column to return to after a line with one figure for all currencies

    // The rectangle between the first and the last selected cell.
    const selection = () => {
        if (!anchor || !active) {
            return [];
        }
        const span = (of) => [Math.min(of(anchor), of(active)), Math.max(of(anchor), of(active))];
        const [top, bottom] = span(rowOf);
        const [left, right] = span(column);
        return inputs.filter(
            (input) =>
                isPrice(input) && rowOf(input) >= top && rowOf(input) <= bottom && column(input) >= left && column(input) <= right,
        );
    };

    const count = document.getElementById("sheet-count");
    const showSelection = () => {
        const cells = selection();
        const range = cells.length > 1 ? cells : [];
        for (const input of inputs) {
            input.classList.toggle("selected", range.includes(input));
        }
        count.textContent = range.length ? count.dataset.many.replace("%s", range.length) : "";
    };

    const go = (input, extend) => {
        if (!input) {
            return;
        }
        active = input;
        anchor = extend && anchor ? anchor : input;
        home = isPrice(input) ? column(input) : home;
        input.focus();
        input.select();
        showSelection();
    };

    // The next input in a direction: the same column of the next line that has one there.
    const neighbor = (input, down, right) => {
        if (right) {
            const line = inputs.filter((one) => rowOf(one) === rowOf(input));
            return line[line.indexOf(input) + right];
        }
        for (let row = rowOf(input) + down; row >= 0 && row < rows.length; row += down) {
            const next = at(row, home) ?? inputs.find((one) => rowOf(one) === row && !isPrice(one) && column(one) > 0);
            if (next) {
                return next;
            }
        }
        return null;
    };

    const number = (text) => Number(text.replaceAll(",", ""));

    // The former value below a figure; the server writes the same when it renders the page.
    const showFormer = (input) => {
        const note = document.getElementById(`was-${input.name}`);
        const [former, typed] = [number(input.dataset.was), number(input.value)];
        const isChanged = input.dataset.was !== "" && (Number.isNaN(typed) || former !== typed);
        input.classList.toggle("changed", isChanged);
        note.hidden = !isChanged;
        const percent = former ? Math.round(((typed - former) / former) * 1000) / 10 : NaN;
        const change = Number.isFinite(percent) ? `, ${percent < 0 ? "−" : "+"}${Math.abs(percent)}%` : "";
        note.textContent = form.dataset.was.replace("%s", input.dataset.was) + change;
    };

    // The example bill follows the currency that is edited.
    const showBillIn = (currency) => {
        const choice = document.querySelector("#sheet-preview select[name=currency]");
        if ([...(choice?.options ?? [])].some((option) => option.value === currency)) {
            choice.value = currency;
        }
    };

    const enter = (input, text) => {
        input.value = text;
        input.dispatchEvent(new Event("input", { bubbles: true }));
    };

    form.addEventListener("input", (event) => {
        if (inputs.includes(event.target)) {
            showFormer(event.target);
            showBillIn(event.target.dataset.currency);
        }
    });

    form.addEventListener("focusin", (event) => {
        if (inputs.includes(event.target) && event.target !== active) {
            active = anchor = event.target;
            home = isPrice(active) ? column(active) : home;
            active.select();
            showSelection();
        }
    });

    const keys = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

    form.addEventListener("keydown", (event) => {
        const input = event.target;
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            form.requestSubmit(form.querySelector("button[value=save]"));
            return;
        }
        if (!inputs.includes(input)) {
            const tool = event.key === "Enter" && input.matches(".sheet-tools input") && input.closest("span").querySelector("button");
            if (tool) {
                event.preventDefault();
                tool.click();
            }
            return;
        }
        if (event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        if (event.key === "Enter") {
            event.preventDefault();
            go(neighbor(input, event.shiftKey ? -1 : 1, 0), false);
        } else if (event.key === "%") {
            event.preventDefault();
            document.getElementById("id_percent").select();
        } else if (event.key === "Escape") {
            enter(input, input.defaultValue);
            go(input, false);
        } else if (keys[event.key]) {
            const [down, right] = keys[event.key];
            const isWhole = input.selectionStart === 0 && input.selectionEnd === input.value.length;
            const isAtEdge = input.selectionStart === input.selectionEnd && input.selectionEnd === (right > 0 ? input.value.length : 0);
            if (right && !isWhole && !isAtEdge) {
                return; // the cursor moves within the figure
            }
            event.preventDefault();
            go(neighbor(input, down, right), event.shiftKey);
        }
    });

    form.addEventListener("paste", (event) => {
        const text = event.clipboardData.getData("text").replace(/\r/g, "").replace(/\n$/, "");
        const input = event.target;
        if (!inputs.includes(input) || !/[\t\n]/.test(text)) {
            return;
        }
        event.preventDefault();
        let target = input;
        for (const line of text.split("\n")) {
            for (const [offset, figure] of line.split("\t").entries()) {
                const cell = target && at(rowOf(target), column(input) + offset);
                if (cell && figure.trim() !== "") {
                    enter(cell, figure.trim().replace(/^[^\d.-]+|[^\d.]+$/g, ""));
                }
            }
            target = target && neighbor(target, 1, 0);
        }
    });

    // The chosen cells: a rectangle, or the cell in use if no line is checked.
    form.addEventListener("submit", () => {
        const cells = selection();
        const isUsed = cells.length > 1 || !form.querySelector(".pick input:checked");
        document.getElementById("sheet-selection").value = isUsed ? cells.map((input) => input.name).join(" ") : "";
    });

    // After a change of several cells, the page comes back with the same ones selected.
    const kept = document.getElementById("sheet-selection").value.split(" ").map((name) => inputs.find((input) => input.name === name));
    if (kept[0]) {
        go(kept[0], false);
        go(kept.at(-1), true);
    } else {
        const first = inputs.find((input) => input.getAttribute("aria-invalid")) ?? inputs[0];
        go(first, false);
    }
    form.querySelector(".sheet-keys").hidden = false;
})();
