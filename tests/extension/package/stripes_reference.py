"""A reference in one file."""

from audit.reference import About, Expected, Reference, Silent

PRINTED = {"red": 0.7, "green": 0.1, "blue": 0.4}


class PrintedStripes(Reference):
    """How often printed stripes of a colour are blank, as a printer counted them."""

    def about(self):
        return About(title="Blank stripes in print", dated="2024", source="own count")

    def expected(self, attribute, labels, asked):
        if attribute != "blank":
            return Silent("it knows blank stripes only")
        known = [(PRINTED[levels["colour"]], count) for levels, count in asked.prompts if levels.get("colour") in PRINTED]
        if len(known) < len(asked.prompts):
            return Silent("a colour that was never printed")
        blank = sum(share * count for share, count in known) / sum(count for _, count in known)
        shares = {"blank": blank, "not blank": 1 - blank}
        return Expected({label: shares[label] for label in labels if label in shares}, n_effective=500.0)
