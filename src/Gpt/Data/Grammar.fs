namespace Gpt

open System

/// The generated corpus: scenes of a play in blank verse, for machines that cannot fetch a real one. The words are nobody's,
/// and how well they can be predicted is known: on average no model does better than `entropy`.
///
/// A scene is a talk between two speakers, who take turns and call each other by their titles. A speech is a short line or
/// up to four sentences; a sentence is a line of ten syllables, weak and strong by turns, or two such lines. Verbs agree
/// with their nouns. Who ends the scene does so with a couplet, which rhymes:
///
///     QUEEN:
///     Why dost thou seek the silent moon, my fool?
///
///     FOOL:
///     Then fare thee well, and guard the hollow bell,
///     For golden stars shall never mend the well.
[<RequireQualifiedAccess>]
module Grammar =

    let private words (list: string) =
        list.Split([| ' '; '\n' |], StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

    let private evenly rules = rules |> List.map (fun rule -> 1.0, rule) |> Rule.choice

    /// One of several things with the weights 1/4, 1/5, 1/6 …: the first ones are common.
    let private ranked (rule: 'thing -> Rule) (things: 'thing list) =
        things |> List.mapi (fun k thing -> 1.0 / float (k + 4), rule thing) |> Rule.choice

    /// The kinds of words, each named by one of its kind. No word of a kind begins another.
    let private lexicon =
        [
            "king",
            "king queen prince lord knight fool thief friend child judge priest bride ghost monk page nurse
             clerk wife maid bard scribe smith squire fiend saint groom host guest knave witch"
            "kings",
            "kings queens lords knights fools friends thieves sons lads priests brides ghosts monks men
             clerks wives maids bards smiths saints grooms hosts guests knaves fiends dukes"
            "moon",
            "crown moon sword rose night sea storm star flame grave wind stone snow bell song door
             ring throne bridge ship wood road cloud dream wall field lamp harp torch frost
             rain dawn dusk glass mask drum hill bed book chain cup dust fire ford gate"
            "stars",
            "stars swords winds bells songs crowns storms flames graves stones doors ships woods roads clouds
             dreams walls fields lamps harps rains rings thrones waves birds hounds wolves drums hills books
             chains cups gates tears leaves years days nights"
            "silent",
            "gentle silent golden bitter weary noble hollow honest lonely merry mighty faithful humble burning
             broken secret sullen tender wanton crimson frozen hidden jealous quiet restless sacred shallow
             solemn sudden velvet vengeful wicked winter withered youthful pallid ragged rusty dreadful"
            "cold", "cold dead pale proud sad bold vexed wise kind lost fair mad false gone brave sick"
            "colder",
            "colder softer brighter prouder paler darker deeper wilder sweeter fairer older truer sadder harder"
            "heart", "heart soul tongue hand eye blood mind breast voice hope faith grief pride love fate"
            "seek",
            "love seek fear mourn guard scorn praise keep hold know serve break bless curse find lose watch
             haunt name mend build trust vex wake hear paint"
            "seeks",
            "loves seeks fears mourns guards scorns keeps holds knows serves breaks finds haunts names mends
             builds trusts wakes hears paints"
            "sought",
            "loved sought feared mourned scorned praised kept held known served blessed cursed found lost watched
             named built vexed heard seen won"
            "weep", "weep sleep wait burn sing fade speak turn fall rise kneel drown dream rest wake jest"
            "beneath", "beneath before behind within beside upon against above among"
            "must", "must shall will may would should can"
            "My", "My Thy His Her Our"
        ]
        |> List.map (fun (kind, list) -> kind, ranked Rule.text (words list))
        |> Map

    /// The sentences of one line, with their weights. <seek> stands for a word of the kind that seek names, and <you> for
    /// the title of who is spoken to.
    let private sentences = [
        5.0, "The <silent> <king> doth <seek> the <silent> <moon>.\n"
        3.0, "The <silent> <kings> do <seek> the <silent> <moon>.\n"
        3.0, "<My> <heart> is <colder> than the <silent> <moon>.\n"
        3.0, "I <seek> the <king> that <seeks> the <silent> <moon>.\n"
        3.0, "No <king> can <seek> the <moon> that I have <sought>.\n"
        2.0, "There is a <moon> within the <silent> <moon>.\n"
        2.0, "The <king> that <seeks> the <moon> <must> <seek> the <moon>.\n"
        2.0, "The <kings> that <seek> the <moon> <must> <seek> the <moon>.\n"
        2.0, "O <silent> <moon>, thou art the <moon> of <kings>!\n"
        2.0, "Come, let us <weep> <beneath> the <silent> <moon>.\n"
        2.0, "And shall the <king> not <seek> the <silent> <moon>?\n"
        2.0, "What <moon> is this that <seeks> the <silent> <moon>?\n"
        2.0, "I have not <sought> the <moon> nor <sought> the <moon>.\n"
        2.0, "Now <weep>, my <heart>, and let all the <kings> <weep>.\n"
        4.0, "Why dost thou <seek> the <silent> <moon>, my <you>?\n"
    ]

    /// The first lines of the sentences of two.
    let private conditions = [
        3.0, "When <silent> <kings> do <weep> <beneath> the <moon>,\n"
        2.0, "If thou wilt <seek> the <silent> <moon> of <stars>,\n"
        2.0, "Though every <king> should <seek> the <silent> <moon>,\n"
        1.0, "Before the <moon> hath <sought> the <silent> <moon>,\n"
    ]

    /// Their second lines.
    let private conclusions = [
        3.0, "I shall not <seek> the <moon> nor <seek> the <moon>.\n"
        2.0, "The <moon> shall <weep> and <kings> shall <weep> no more.\n"
        2.0, "My <heart> shall be the <moon> that <seeks> the <moon>.\n"
        2.0, "Let not the <king> forget the <silent> <moon>.\n"
        2.0, "And <stars> shall be the <stars> of all the <kings>.\n"
    ]

    /// Speeches of one short line.
    let private answers = [
        2.0, "Ay, my <you>.\n"
        2.0, "No, my <you>.\n"
        1.0, "What news, my <you>?\n"
        1.0, "Who is there?\n"
        1.0, "I will <weep> no more.\n"
        1.0, "It is the <king>.\n"
        1.0, "The <king> is <cold>.\n"
        1.0, "The <kings> are <cold>.\n"
        1.0, "Then <seek> the <moon>.\n"
    ]

    /// The two lines of a couplet, each without its last word.
    let private couplets =
        [
            1.0, "So let the <silent> <king> now <seek> the "
            1.0, "Thus shall the <moon> forsake the <silent> "
            2.0, "Then fare thee well, and <seek> the <silent> "
        ],
        [
            2.0, "And <kings> shall <seek> the <moon> that <seeks> the "
            2.0, "For <silent> <stars> shall never <seek> the "
            1.0, "The <moon> is but a <moon> without the "
            1.0, "Till <silent> <kings> shall <weep> within the "
        ]

    let private rhymes =
        [
            "night light knight sight flight"
            "day clay play bay ray"
            "crown town gown"
            "hall wall fall call"
            "name flame fame shame game"
            "heart part art dart"
            "pain chain rain grain"
            "fear year tear spear"
            "sound ground hound mound"
            "stone throne bone"
            "grave wave slave cave"
            "sea tree bee key"
            "sand hand land band"
            "bell well spell knell"
            "door shore core floor"
            "tomb gloom bloom loom"
            "ring spring string wing"
            "bed head thread bread"
            "woe foe crow snow"
            "nest guest west breast"
        ]
        |> List.map words

    /// The speakers and their titles.
    let private cast = [
        "HAMLET", "prince"
        "QUEEN", "queen"
        "KING", "liege"
        "OPHELIA", "love"
        "HORATIO", "friend"
        "FOOL", "fool"
        "DUKE", "lord"
        "JULIET", "love"
        "ROMEO", "love"
        "NURSE", "nurse"
        "GHOST", "ghost"
        "VIOLA", "dear"
        "WIDOW", "dame"
        "CAPTAIN", "friend"
        "BALTHAZAR", "lord"
        "YORICK", "fool"
        "SHEPHERD", "lad"
        "EXILE", "friend"
    ]

    /// One of several patterns. Those that need a title are left out for a speaker who knows nobody yet.
    let private oneOf (you: string option) (patterns: (float * string) list) =
        let part i (text: string) =
            match i % 2, text, you with
            | 0, _, _ -> Rule.text text
            | _, "you", Some title -> Rule.text title
            | _ -> lexicon[text]

        patterns
        |> List.filter (fun (_, pattern) -> you.IsSome || not (pattern.Contains "<you>"))
        |> List.map (fun (weight, pattern) ->
            weight, pattern.Split('<', '>') |> Seq.mapi part |> List.ofSeq |> Rule.sequence)
        |> Rule.choice

    let private speech you =
        let sentence =
            Rule.choice [
                4.0, oneOf you sentences
                1.0, Rule.sequence [ oneOf you conditions; oneOf you conclusions ]
            ]

        let rec atMost count =
            Rule.sequence [
                sentence
                if count = 1 then
                    Rule.text "\n"
                else
                    Rule.choice [ 2.0, Rule.text "\n"; 3.0, atMost (count - 1) ]
            ]

        Rule.choice [ 1.0, Rule.sequence [ oneOf you answers; Rule.text "\n" ]; 3.0, atMost 4 ]

    let private couplet =
        let first, second = couplets

        let ending rhyme word =
            Rule.sequence [
                Rule.text (word + ",\n")
                oneOf None second
                evenly [ for other in List.except [ word ] rhyme -> Rule.text (other + ".\n\n") ]
            ]

        Rule.sequence [
            oneOf None first
            evenly [
                for rhyme in rhymes do
                    yield! List.map (ending rhyme) rhyme
            ]
        ]

    /// A scene, which the text of the corpus repeats. The first speech is to nobody; after it, each turn is one more speech
    /// or the couplet that ends the scene, and the ninth turn is the couplet at the latest.
    let scene: Rule =
        let toNobody = speech None
        let speechTo = Map [ for title in List.distinct (List.map snd cast) -> title, speech (Some title) ]

        let rec from turn (speaker, title) (other, otherTitle) =
            Rule.sequence [
                Rule.text (speaker + ":\n")
                if turn = 9 then
                    couplet
                else
                    let answered =
                        Rule.sequence [ speechTo[otherTitle]; from (turn + 1) (other, otherTitle) (speaker, title) ]

                    Rule.choice [ 3.0, answered; 1.0, couplet ]
            ]

        let opening (speaker, title) =
            Rule.sequence [
                Rule.text (speaker + ":\n")
                toNobody
                List.except [ speaker, title ] cast |> ranked (fun other -> from 2 other (speaker, title))
            ]

        ranked opening cast

    /// The entropy of the corpus in nats per character: the loss that no model goes below on average.
    let entropy: float = scene.Entropy / scene.Length

    /// `length` characters of the corpus, a different part of it for each seed and the same for the same.
    let generate (seed: uint64) (length: int) : string = Rule.write seed length scene
