"""The closing lines of the pacing edit: what a beat does at its new level, true of any story.

No line names a person, a place, a thing or an event. A prose line is one sentence. A key action
that has its two sentences already takes a tail instead, inside the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from cascade.story.story import Kind, Language

Lines = tuple[tuple[str, ...], tuple[str, ...]]  # (rising, falling)

LINES: Mapping[Language, Mapping[Kind, Lines]] = {
    "en": {
        "beatContent": (
            (
                "From here, every choice costs more.",
                "Nothing is settled, and the pressure carries straight into what follows.",
                "Whatever was left unsaid now weighs on everything else.",
                "Each way out is narrower than it was.",
                "What could be put off before cannot be put off now.",
            ),
            (
                "For now, the pressure eases.",
                "There is room to breathe before whatever comes next.",
                "What is still open can wait.",
                "Nothing more has to be decided here.",
                "The weight does not vanish, but it can be carried.",
            ),
        ),
        "keyAction": (
            (
                "The pressure does not let up.",
                "Nothing is settled by it.",
                "Everything after it is harder.",
                "It only raises the stakes.",
            ),
            (
                "For now, that is enough.",
                "Nothing more is asked, for now.",
                "There is room to breathe after it.",
                "The rest can wait.",
            ),
        ),
        "scenePlot": (
            (
                "The question is still open when the scene ends, and it is harder than before.",
                "Nothing in the scene lets the pressure out.",
                "What comes next can no longer be put off.",
                "The scene ends without relief.",
                "By the end there is less room to move.",
            ),
            (
                "The scene ends without forcing anything.",
                "Whatever is still open is left to rest.",
                "By the end there is a little more room to breathe.",
                "The scene lets go gently.",
                "What remains unsaid can wait.",
            ),
        ),
        "script": (
            (
                "A beat. Nobody fills it.",
                "Hold. Longer than is comfortable.",
                "The silence goes on a second too long.",
                "Nothing about this is over.",
                "A beat that lets nobody go.",
                "No relief comes.",
                "Stay on it. It does not ease.",
            ),
            (
                "A breath. Nothing more needs to be said.",
                "Hold. Let it settle.",
                "A quiet beat. It passes.",
                "The moment loosens.",
                "Stillness, and for now it is enough.",
                "Nothing presses.",
                "A long, even breath.",
            ),
        ),
    },
    "id": {
        "beatContent": (
            (
                "Mulai dari sini, setiap pilihan lebih mahal harganya.",
                "Belum ada yang selesai, dan tekanannya terbawa ke apa yang menyusul.",
                "Apa yang tidak terucap kini membebani segalanya.",
                "Setiap jalan keluar lebih sempit daripada sebelumnya.",
                "Apa yang tadinya bisa ditunda kini tidak bisa lagi.",
            ),
            (
                "Untuk saat ini, tekanannya mereda.",
                "Masih ada ruang untuk bernapas sebelum apa pun yang menyusul.",
                "Apa yang belum selesai masih bisa menunggu.",
                "Tak ada lagi yang harus diputuskan di sini.",
                "Bebannya tidak hilang, tetapi kini bisa dipikul.",
            ),
        ),
        "keyAction": (
            (
                "Tekanannya tidak mereda.",
                "Tak ada yang selesai karenanya.",
                "Sesudah ini semuanya lebih berat.",
                "Taruhannya justru naik.",
            ),
            (
                "Untuk saat ini, itu cukup.",
                "Tak ada lagi yang dituntut untuk saat ini.",
                "Masih ada ruang untuk bernapas sesudahnya.",
                "Selebihnya masih bisa menunggu.",
            ),
        ),
        "scenePlot": (
            (
                "Ketika adegan berakhir, persoalannya masih terbuka dan lebih berat daripada tadi.",
                "Tak ada yang meredakan tekanan di adegan ini.",
                "Apa yang menyusul tidak bisa lagi ditunda.",
                "Adegan berakhir tanpa kelegaan.",
                "Pada akhirnya, ruang gerak semakin sempit.",
            ),
            (
                "Adegan berakhir tanpa memaksakan apa pun.",
                "Apa yang masih terbuka dibiarkan tenang dulu.",
                "Pada akhirnya, ada sedikit ruang untuk bernapas.",
                "Ketegangannya dibiarkan surut.",
                "Apa yang belum terucap masih bisa menunggu.",
            ),
        ),
        "script": (
            (
                "Jeda. Tak ada yang mengisinya.",
                "Tahan. Lebih lama daripada yang nyaman.",
                "Hening, sedetik terlalu lama.",
                "Tak ada yang selesai di sini.",
                "Jeda yang tidak melepaskan siapa pun.",
                "Tak ada kelegaan.",
                "Bertahan di situ. Tidak mereda.",
            ),
            (
                "Satu tarikan napas. Tak ada lagi yang perlu dikatakan.",
                "Tahan. Biarkan mereda.",
                "Jeda yang tenang. Lalu berlalu.",
                "Momen itu mengendur.",
                "Hening, dan untuk saat ini itu cukup.",
                "Tak ada yang mendesak.",
                "Napas yang panjang dan rata.",
            ),
        ),
    },
}

TAILS: Mapping[Language, Lines] = {
    "en": (
        (
            " — and the pressure does not let up",
            " — and nothing is settled by it",
            " — and everything after it is harder",
        ),
        (
            " — and for now that is enough",
            " — and nothing more is asked",
            " — and the rest can wait",
        ),
    ),
    "id": (
        (
            " — dan tekanannya tidak mereda",
            " — dan tak ada yang selesai karenanya",
            " — dan sesudah ini semuanya lebih berat",
        ),
        (
            " — dan untuk saat ini itu cukup",
            " — dan tak ada lagi yang dituntut",
            " — dan selebihnya bisa menunggu",
        ),
    ),
}

# The beats of the three structures by what they do, so that one flavour serves all of them.
_FAMILIES: Mapping[str, str] = {
    "opening": "openingImage themeStated setup ordinaryWorld you",
    "call": "catalyst callToAdventure need",
    "doubt": "debate refusalOfTheCall",
    "crossing": "breakIntoTwo crossingTheThreshold go",
    "bond": "bStory meetingTheMentor",
    "trial": "funAndGames testsAlliesEnemies search",
    "turn": "midpoint approachToTheInmostCave find",
    "squeeze": "badGuysCloseIn theRoadBack return",
    "loss": "allIsLost ordeal take",
    "night": "darkNightOfTheSoul",
    "resolve": "breakIntoThree reward",
    "climax": "finale resurrection",
    "close": "finalImage returnWithTheElixir change",
}
_FLAVOURS: Mapping[Language, Mapping[str, tuple[str, str]]] = {
    "en": {
        "opening": (
            "Something in this ordinary order is already under strain.",
            "The ordinary order still holds.",
        ),
        "call": (
            "The call cannot be unheard, and it will not wait.",
            "The call has been heard, and it can be thought about.",
        ),
        "doubt": (
            "Every reason to hold back makes holding back harder.",
            "The doubt is given its time.",
        ),
        "crossing": (
            "With this step the way back closes.",
            "The step is taken, and the ground holds.",
        ),
        "bond": (
            "Even what is shared here comes at a price.",
            "What is shared here makes the rest lighter.",
        ),
        "trial": (
            "Each test leaves less in reserve for the next.",
            "Each test can still be taken one at a time.",
        ),
        "turn": (
            "After this turn, the stakes are no longer what they were.",
            "The turn comes, and it leaves room to look around.",
        ),
        "squeeze": (
            "The pressure closes in from every side at once.",
            "The pressure is still there, but it keeps its distance.",
        ),
        "loss": (
            "What is lost here cannot be bargained back.",
            "The loss is real, and it is allowed to be quiet.",
        ),
        "night": (
            "There is no comfort here, only the next decision.",
            "In the quiet that follows, nothing is asked.",
        ),
        "resolve": (
            "Knowing what to do does not make it safer.",
            "Knowing what to do is, for now, enough.",
        ),
        "climax": (
            "Everything that was put off falls due here.",
            "What falls due here can be met calmly.",
        ),
        "close": (
            "Even now, not everything is at rest.",
            "What had to be carried can be put down.",
        ),
    },
    "id": {
        "opening": (
            "Tatanan sehari-hari ini sudah mulai menegang.",
            "Tatanan sehari-hari itu masih bertahan.",
        ),
        "call": (
            "Panggilan itu sudah terdengar, dan tidak akan menunggu.",
            "Panggilan itu sudah terdengar, dan masih bisa dipikirkan.",
        ),
        "doubt": (
            "Setiap alasan untuk mundur justru membuat mundur semakin sulit.",
            "Keraguan itu diberi waktu.",
        ),
        "crossing": (
            "Dengan langkah ini, jalan kembali tertutup.",
            "Langkah itu diambil, dan pijakannya kukuh.",
        ),
        "bond": (
            "Bahkan apa yang dibagi di sini ada harganya.",
            "Apa yang dibagi di sini meringankan yang lain.",
        ),
        "trial": (
            "Setiap ujian menyisakan lebih sedikit tenaga untuk ujian berikutnya.",
            "Setiap ujian masih bisa dihadapi satu per satu.",
        ),
        "turn": (
            "Sesudah titik ini, taruhannya tidak lagi sama.",
            "Titik balik itu tiba, dan masih ada ruang untuk melihat sekeliling.",
        ),
        "squeeze": (
            "Tekanan itu mengimpit dari segala arah sekaligus.",
            "Tekanan itu masih ada, tetapi menjaga jarak.",
        ),
        "loss": (
            "Apa yang hilang di sini tidak bisa ditawar kembali.",
            "Kehilangan itu nyata, dan dibiarkan hening.",
        ),
        "night": (
            "Tak ada penghiburan di sini, hanya keputusan berikutnya.",
            "Dalam hening yang menyusul, tak ada yang dituntut.",
        ),
        "resolve": (
            "Tahu apa yang harus dilakukan tidak membuatnya lebih aman.",
            "Tahu apa yang harus dilakukan, untuk saat ini, sudah cukup.",
        ),
        "climax": (
            "Semua yang tertunda jatuh tempo di sini.",
            "Apa yang jatuh tempo di sini bisa dihadapi dengan tenang.",
        ),
        "close": (
            "Bahkan kini, belum semuanya reda.",
            "Apa yang selama ini dipikul boleh diletakkan.",
        ),
    },
}
_FAMILY_OF = {key: family for family, keys in _FAMILIES.items() for key in keys.split()}

# Every line there is, whichever level or kind it belongs to: what a new line takes the place of.
PROSE: frozenset[str] = frozenset(
    line
    for kinds in LINES.values()
    for kind, pair in kinds.items()
    if kind != "script"
    for lines in pair
    for line in lines
) | frozenset(
    line for flavours in _FLAVOURS.values() for pair in flavours.values() for line in pair
)
ACTIONS: frozenset[str] = frozenset(
    line for kinds in LINES.values() for lines in kinds["script"] for line in lines
)
ALL_TAILS: frozenset[str] = frozenset(
    tail for pair in TAILS.values() for tails in pair for tail in tails
)


def lines_for(kind: Kind, language: Language, beat_key: str, rising: bool) -> tuple[str, ...]:
    """The lines to choose from, a beat's own flavour among them where the kind is its content."""
    general = LINES[language][kind][0 if rising else 1]
    family = _FAMILY_OF.get(beat_key)
    if kind != "beatContent" or family is None:
        return general
    return (_FLAVOURS[language][family][0 if rising else 1], *general)


def tails_for(language: Language, rising: bool) -> tuple[str, ...]:
    """The tails to choose from for a key action that has two sentences."""
    return TAILS[language][0 if rising else 1]
