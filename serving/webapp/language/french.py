"""What the page says in French, by what it says in English."""

# fmt: off
FRENCH: dict[str, str] = {
    # The pages
    "Try it": "Essayer",
    "The model": "Le modèle",
    "Live": "En direct",
    "Try again": "Réessayer",
    "The figures": "Les chiffres",
    # Try it
    "What is in this photo?": "Que montre cette photo ?",
    "Drop one photo or many, and the model says what each shows":
        "Déposez une ou plusieurs photos, et le modèle dit ce que montre chacune",
    "{most} or {last}": "{most} ou {last}",
    "Your photos": "Vos photos",
    "Use the camera": "Utiliser l'appareil photo",
    "Take a picture": "Prendre une photo",
    "Or try one of these, which a program has drawn:":
        "Ou essayez l'une de celles-ci, dessinées par un programme :",
    "Picture {number}": "Image {number}",
    "The photo that you sent": "La photo que vous avez envoyée",
    "Show what the model looked at": "Montrer ce que le modèle a regardé",
    "Hiding one part of the photo after another …":
        "Chaque partie de la photo est cachée à son tour…",
    "The model sees": "Le modèle voit",
    "The model is": "Le modèle n'est",
    "Not sure": "Pas sûr",
    "maybe {label}": "peut-être {label}",
    "{percent} sure": "sûr à {percent}",
    "Model": "Modèle",
    "in {seconds} s": "en {seconds} s",
    "Below {limit}, fewer than four in five of the model's answers were right in its test.":
        "En dessous de {limit}, moins de quatre réponses sur cinq étaient justes lors du test.",
    "About this model": "À propos de ce modèle",
    "right on {photos} test photos": "de réponses justes sur {photos} photos de test",
    "right on {photos} generated test photos":
        "de réponses justes sur {photos} photos de test générées",
    "photos to learn from": "photos d'apprentissage",
    "generated photos to learn from": "photos d'apprentissage générées",
    "live since": "en service depuis",
    "What it was made from": "De quoi il est fait",
    # Many photos
    "Looking at the photo …": "Le modèle regarde la photo…",
    "Looked at {done} of {photos} photos …": "{done} photos sur {photos} regardées…",
    "The API is busy: trying again in {seconds} s …":
        "L'API est occupée : nouvel essai dans {seconds} s…",
    "Only answers that are at least so sure": "Seulement les réponses sûres au moins à",
    "of which it is not sure": "dont il n'est pas sûr",
    "without an answer": "sans réponse",
    "Photo": "Photo",
    "File": "Fichier",
    "Class": "Classe",
    "Sure": "Sûreté",
    "Problem": "Problème",
    "Save as CSV": "Enregistrer en CSV",
    # Corrections
    "What does the photo show?": "Que montre la photo ?",
    "I may give this photo away, and the model may learn from it":
        "J'ai le droit de donner cette photo, et le modèle peut en apprendre",
    "Else only your answer is kept, and the photo is not.":
        "Sinon, seule votre réponse est gardée, et non la photo.",
    "Send my answer": "Envoyer ma réponse",
    "Thank you": "Merci",
    "Your photo lies in today's landing folder, as {label}. It passes the same checks as every "
    "other photo, and the next training learns from it.":
        "Votre photo est dans le dossier d'arrivée du jour, sous {label}. Elle passe les mêmes "
        "contrôles que toutes les autres, et le prochain entraînement en apprend.",
    "It is noted that the photo shows {label}. The photo itself was not kept.":
        "Il est noté que la photo montre {label}. La photo elle-même n'a pas été gardée.",
    # What the model looked at
    "No single part matters: whichever is hidden, the model sees {label}.":
        "Aucune partie ne compte seule : quelle que soit celle que l'on cache, le modèle voit "
        "{label}.",
    "Red is what speaks for {label}: hidden, it makes the model less sure, by {points} points at "
    "the most.":
        "En rouge, ce qui parle pour {label} : caché, il rend le modèle moins sûr, de {points} "
        "points au plus.",
    # The model
    "How good it is, what it was made from, and who decided":
        "Ce qu'il vaut, de quoi il est fait, et qui a décidé",
    "How good it is": "Ce qu'il vaut",
    "of the test photos are right": "de réponses justes sur les photos de test",
    "{low} to {high}": "{low} à {high}",
    "is where it lies on all such photos, at 95 %":
        "est l'intervalle pour toutes les photos semblables, à 95 %",
    "{points} points": "{points} points",
    "lie between how sure it is and how often it is right":
        "d'écart entre sa sûreté et la part de ses réponses justes",
    "is what it must reach to be sure": "est ce qu'il doit atteindre pour être sûr",
    "Test photos": "Photos de test",
    "found": "trouvées",
    "right when it says so": "juste quand il le dit",
    "What it takes for what": "Ce qu'il prend pour quoi",
    "It shows": "Elle montre",
    "seen as {label}": "vue comme {label}",
    "Whether it is as often right as it is sure": "A-t-il aussi souvent raison qu'il est sûr ?",
    "How often it is right, by how sure it is; the table below has the figures":
        "Combien de fois il a raison, selon sa sûreté ; le tableau ci-dessous a les chiffres",
    "It is so sure": "Il est sûr à",
    "and so often right": "et a raison à",
    "Show the photos and their report": "Montrer les photos et leur rapport",
    "Show the whole model card": "Montrer toute la fiche du modèle",
    "Save this page": "Enregistrer cette page",
    "Beside the model before": "À côté du modèle précédent",
    "right": "juste",
    "right where the other is wrong": "juste là où l'autre se trompe",
    "unknown": "inconnu",
    "What was live when": "Ce qui était en service, et quand",
    "Challengers that were refused": "Les prétendants refusés",
    "Judged": "Jugé le",
    "Version": "Version",
    "{version} (live)": "{version} (en service)",
    "Since": "Depuis",
    "Accuracy": "Justesse",
    "By": "Par",
    "Why": "Pourquoi",
    "… and {number} before.": "… et {number} avant.",
    "Photos": "Photos",
    "Network": "Réseau",
    "Made live by": "Mis en service par",
    "Finished": "Terminé",
    "Data set": "Jeu de données",
    "Dagster run": "Exécution Dagster",
    "MLflow run": "Exécution MLflow",
    "promotion": "promotion",
    "rollback": "retour en arrière",
    "against the gate": "contre l'avis du contrôle",
    # Live
    "What the API answers, as it goes.": "Ce que l'API répond, au fil de l'eau.",
    "The last": "Les dernières",
    "{minutes} minutes": "{minutes} minutes",
    "No photo was answered in the last {minutes} minutes.":
        "Aucune photo n'a reçu de réponse dans les {minutes} dernières minutes.",
    "What is answered is here some seconds later.":
        "Ce qui reçoit une réponse est ici quelques secondes plus tard.",
    "requests since the start": "requêtes depuis le démarrage",
    "photos answered": "photos avec réponse",
    "photos refused": "photos refusées",
    "of the requests failed": "des requêtes ont échoué",
    "photos at this moment": "photos en ce moment",
    "{ms} ms": "{ms} ms",
    "is the median of a photo": "est la médiane d'une photo",
    "Photos a minute, by what is seen in them": "Photos par minute, selon ce qui y est vu",
    "How sure the model is": "La sûreté du modèle",
    "Milliseconds for a photo: half of them, and all but the slowest 1 %":
        "Millisecondes par photo : la moitié, et toutes sauf le 1 % le plus lent",
    "{title}; the table has the figures": "{title} ; le tableau a les chiffres",
    "Asked for again every {seconds} s; times are UTC.":
        "Redemandé toutes les {seconds} s ; les heures sont en UTC.",
    "UTC": "UTC",
    "half": "la moitié",
    "99 %": "99 %",
    "Milliseconds": "Millisecondes",
    "half in ms": "la moitié, en ms",
    "99 % in ms": "99 %, en ms",
    # What goes wrong
    "This model is a sample": "Ce modèle est un échantillon",
    "It was trained on generated pictures, to show how everything works. What it says of a real "
    "photo means little. Train one on real photos, and this page uses it by itself:":
        "Il a appris d'images générées, pour montrer comment tout marche. Ce qu'il dit d'une "
        "vraie photo ne veut pas dire grand-chose. Entraînez-en un sur de vraies photos, et cette "
        "page l'utilise d'elle-même :",
    "This may not be the newest model": "Ce n'est peut-être pas le modèle le plus récent",
    "The API does not answer": "L'API ne répond pas",
    "Start it, or set DANDELION_API_URL to where it runs:":
        "Démarrez-la, ou réglez DANDELION_API_URL sur l'adresse où elle tourne :",
    "Something went wrong": "Quelque chose a mal tourné",
    "The API asks for a key": "L'API demande une clé",
    "This page has none, or a wrong one. Start it again with DANDELION_API_KEY set to one of the "
    "keys in the API's DANDELION_API_KEYS.":
        "Cette page n'en a pas, ou une fausse. Redémarrez-la avec, dans DANDELION_API_KEY, l'une "
        "des clés de DANDELION_API_KEYS de l'API.",
    "The API is busy": "L'API est occupée",
    "More photos came than it can look at in time. Yours was not lost: try again soon.":
        "Il est venu plus de photos qu'elle n'en peut regarder à temps. La vôtre n'est pas "
        "perdue : réessayez bientôt.",
    "The store does not answer": "Le stockage ne répond pas",
    "Nothing was kept of what you sent. Try again later.":
        "Rien de ce que vous avez envoyé n'a été gardé. Réessayez plus tard.",
    "Too many requests": "Trop de requêtes",
    "This page has asked more often than it may. Try again in a moment.":
        "Cette page a demandé plus souvent qu'elle n'en a le droit. Réessayez dans un instant.",
    "No model is live": "Aucun modèle n'est en service",
    "make run                         # a sample, offline":
        "make run                         # un échantillon, hors ligne",
    "make run IMAGES=path/to/photos   # a folder with one folder per class":
        "make run IMAGES=path/to/photos   # un dossier, avec un dossier par classe",
    "The API's log says more under request {request}.":
        "Le journal de l'API en dit plus sous la requête {request}.",
    "This file is empty": "Ce fichier est vide",
    "Choose the photo again, or another one.": "Choisissez à nouveau la photo, ou une autre.",
    "This file is no photo that can be read": "Ce fichier n'est pas une photo lisible",
    "Whatever its name says, its content is no JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF "
    "picture. Save it as one of these.":
        "Quoi que dise son nom, son contenu n'est pas une image JPEG, PNG, WebP, GIF, BMP, HEIC, "
        "AVIF ou TIFF. Enregistrez-la dans l'un de ces formats.",
    "This photo is damaged": "Cette photo est abîmée",
    "It ends too early or cannot be decoded. Copy or export it again.":
        "Elle s'arrête trop tôt ou ne peut être décodée. Copiez-la ou exportez-la à nouveau.",
    "This file is too large": "Ce fichier est trop gros",
    "20 MB is the limit. Send a smaller copy.":
        "La limite est de 20 Mo. Envoyez une copie plus petite.",
    "This photo is too large": "Cette photo est trop grande",
    "A JPEG may have 200 megapixels, a HEIC 50, others 25. Send a smaller copy, or a JPEG.":
        "Un JPEG peut avoir 200 mégapixels, un HEIC 50, les autres 25. Envoyez une copie plus "
        "petite, ou un JPEG.",
    "This photo is built in an unusual way": "Cette photo est construite de façon inhabituelle",
    "Decoding it would take too long. Save it again with another program.":
        "La décoder prendrait trop longtemps. Enregistrez-la avec un autre programme.",
}
