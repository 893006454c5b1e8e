"""Word lists of English. Nothing here looks at a text."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words("""
a an the this that these those its their his her our your my each every some any no many several few most all both
another either neither much more less such one two three four five six seven eight nine ten what which whose
""")

QUANTIFIERS = _words("every each all both")

PREPOSITIONS = _words("""
of in on at by for from with to into onto upon about above across after against along among around as before behind
below beneath beside besides between beyond despite down during except inside like near off out outside over past per
since through throughout toward towards under underneath until up via versus within without
""")

CONJUNCTIONS = _words("and or but nor so yet than because although though while whereas if unless when where whether")

PRONOUNS = _words("""
i me we us you he him she it they them who whom that which this these those mine ours yours hers theirs myself
yourself himself herself itself ourselves themselves someone anyone everyone nobody none something anything everything
nothing
""")

BE = _words("is are was were be been being am isn't aren't wasn't weren't")
MODALS = _words("can could will would may might must shall should cannot can't won't wouldn't do does did don't didn't")
HAVE = _words("has have had having")

ADVERBS = _words("""
not also only very too just even still already again almost always never often sometimes usually rather quite perhaps
then thus therefore hence however moreover furthermore nevertheless instead otherwise meanwhile indeed later earlier
soon now today there here together apart away back forward ahead enough far long once twice ever else well else
""")

_CLOSED = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | BE | MODALS | HAVE | ADVERBS
FUNCTION_WORDS = _CLOSED | _words("there's it's that's how why")

IRREGULAR_PLURALS = _words("""
people children men women bacteria mitochondria stomata data criteria phenomena feet teeth mice fungi algae
""")
BEFORE_VERB = MODALS | _words("to i we you he she it they who not")
RELATIVES = _words("that which who")
# Small words inside names: Jan van Helmont, Simone de Beauvoir.
PARTICLES = _words("van von de der den del della di da la le bin ibn al")
# A number after one of these counts nothing.
LABELS = _words("figure fig table chapter section page step no stage part volume equation version level")
MONTHS = _words("january february march april may june july august september october november december")
DATE_WORDS = MONTHS | _words("monday tuesday wednesday thursday friday saturday sunday")

# Frequent verbs in the forms in which they follow a subject; many would otherwise pass for nouns.
VERBS = _words("""
absorb absorbs add adds allow allows appear appears arise arises attract attracts become becomes began begin begins
bring brings brought build builds built call calls came capture captures carries carry cause causes change changes
collect collects combine combines come comes consist consists contain contains control controls convert converts
cover covers create creates cut cuts decide decides depend depends describe describes develop develops die dies
differ differs drive drives drop drops end ends enter enters escape escapes exist exists explain explains face faces
fail fails fall falls feed feeds fell find finds fit fits flow flows follow follows form forms found gain gains gave
get gets give gives go goes grew grow grows happen happens help helps held hold holds include includes increase
increases join joins keep keeps kept knew know knows known lack lacks lead leads learn learns leave leaves led left let
lets lie lies limit limits live lives lock locks look looks lose loses lost made make makes mark marks matter matters
mean means measure measures meet meets met move moves need needs occur occurs offer offers open opens own owns pass
passes pay pays perform performs play plays produce produces protect protects prove proves provide provides pull pulls
push pushes put puts ran reach reaches react reacts read reads receive receives reduce reduces refer refers reflect
reflects release releases remain remains remove removes replace replaces require requires rest rests result results
return returns rise rises rose run runs said saw say says see sees seem seems seen send sends sent serve serves set
sets show shows shut shuts slow slows solve solves split splits spread stand stands stay stays stop stops store
stores strike strikes supplies supply support supports survive survives take takes taken tell tells tend tends think
thought took transform transforms travel travels tried tries try turn turns use uses used vary varies wait waits want
wants went work works write writes wrote written yield yields
arrived believed bred called covered died ended failed helped invented kept lived moved needed opened played published
reached received returned served showed spread stayed turned worked
""")

# Linking words of a definition, as in "X is the study of Y".
DEFINING = _words("is are was were means")

ADJECTIVES = _words("""
able bad best better big black blue bright brown certain clear close cold common complete complex different direct
dry early easy entire equal extra fast final fine first former free fresh full general good great greatest green grey
half hard heavy high higher highest hot huge important key large larger largest last late latter light-dependent
little live local long low lower lowest main major minor modern narrow new next old older only open other own
particular poor possible pure quick rapid rare raw real recent red rich right round same second separate shallow
short similar simple single slow small smaller smallest soft solid special steady strong sure tall thick thin third
tiny true unable upper useful usual vast warm weak well-known wet white whole wide wild wrong yellow young
""")

# Nouns that answer nothing: a gap for one of them tests the reader's ear, not what the text said.
VAGUE_NOUNS = _words("""
act age aim amount area aspect back beginning bit body care case cases center centre chance change chapter choice
circumstance class condition conditions couple course day days deal degree detail details difference direction
effect effects effort end ends example examples fact facts feature figure first form forms front future goal group
groups half hand hands history home hour hours idea ideas instance issue item items job kind kinds level levels life
line lines list look lot lots man manner matter means member members men middle minute minutes moment month months
name names need number numbers one ones order others pair part parts past path people period person piece pieces
place places point points portion position present problem problems process processes product products purpose
question range rate reason reasons rest result results role rule rules second seconds section sense series set shape
share side sides sign site size sort source stage stages start state step steps story structure study subject sum
system systems task term terms test text thing things third time times today top total trouble turn type types unit
use user users value view way ways week weeks while whole woman women word words work world writer year years yesterday
addition comparison contrast conclusion introduction summary overview background chapter page
percent cent degree metre meter kilometre kilometer mile inch foot feet gram kilogram tonne ton litre liter dollar euro
pound hundred thousand million billion trillion dozen decade century turn manner attempt kind sake account bit
""")

# What a prompt says to its reader, and not about the documents.
INSTRUCTIONS = _words("""
summarise summarize summary summaries list describe explain identify highlight outline give tell write report main key
document documents text texts please following sentence sentences briefly short
""")

# What a sentence opens with when it leans on the one before it.
LEANING_OPENERS = _words("""
it he she they this that these those such its his her their and but or so yet thus hence then therefore however
moreover furthermore nevertheless instead otherwise consequently accordingly similarly likewise conversely meanwhile
also both neither another others either besides indeed here there finally second secondly third thirdly next
i we you my our your him them one some none each all most many
""")

# A full stop after one of these ends a word, not a sentence.
ABBREVIATIONS = _words("""
mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt gov sen rep pres vs etc e.g i.e cf al ca approx fig figs eq
no nos vol vols pp ch sec ed eds inc ltd co corp dept est min max jan feb mar apr jun jul aug sep sept oct nov dec
mt ft ave blvd rd a.m p.m u.s u.k u.n u.s.a e.u ph.d b.c a.d
""")
