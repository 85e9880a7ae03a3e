"""Word lists the people generator draws from; each culture has women's, men's and family names."""

from typing import NamedTuple


class Culture(NamedTuple):
    """Names that usually occur together."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    family: tuple[str, ...]


def _culture(women: str, men: str, family: str) -> Culture:
    return Culture(*(tuple(word.strip() for word in text.split(",")) for text in (women, men, family)))


CULTURES: tuple[Culture, ...] = (
    _culture(
        "Mary, Patricia, Linda, Emily, Susan, Jessica, Sarah, Karen, Grace, Hannah, Mary-Anne, Abigail, "
        "Chloe",
        "James, Robert, Michael, William, David, Thomas, Daniel, Matthew, Andrew, Joshua, Tyler, "
        "Wesley, Grant",
        "Smith, Johnson, Williams, Brown, Davis, Miller, Wilson, Anderson, Taylor, Thomas, Moore, "
        "Jackson, Harris, Clark, Lewis, Walker, Hall, Allen, Young, King, Wright, Scott, Hill, Adams, "
        "Baker, Nelson, Carter, Mitchell, Roberts, Turner, Phillips, Campbell, Parker, Evans, Edwards, "
        "Collins, Stewart, Morris, Cook, Bell, Ward",
    ),
    _culture(
        "Siobhán, Aoife, Niamh, Maeve, Ciara, Róisín, Fiona, Catriona",
        "Seán, Liam, Declan, Cormac, Eoin, Pádraig, Ewan, Callum",
        "O'Brien, O'Connor, O'Neill, O'Sullivan, O'Reilly, Murphy, Kelly, Byrne, Ryan, Walsh, Doyle, "
        "McCarthy, McDonald, MacLeod, Fitzgerald, Gallagher, Kennedy, Lynch, D'Arcy, Ó Súilleabháin, "
        "Mac Giolla",
    ),
    _culture(
        "María, Ana, Lucía, Sofía, Carmen, Guadalupe, Ximena, Inés, Belén, Rocío, Itzel, María José",
        "José, Juan, Luis, Carlos, Jesús, Miguel, Ángel, Andrés, Raúl, Martín, Íñigo, José Luis, Emiliano",
        "García, Rodríguez, Martínez, Hernández, López, González, Pérez, Sánchez, Ramírez, Torres, "
        "Flores, Rivera, Gómez, Díaz, Reyes, Cruz, Morales, Ortiz, Gutiérrez, Chávez, Ramos, Ruiz, "
        "Mendoza, Vásquez, Castillo, Jiménez, de la Cruz, Núñez, Peña, Ibáñez, García-Huidobro, de "
        "León, Quiñones, Zúñiga",
    ),
    _culture(
        "Beatriz, Inês, Mariana, Conceição, Luísa, Fernanda, Júlia, Thaís",
        "João, Tiago, Gonçalo, Rafael, Antônio, Caio, Luís, Estêvão",
        "Silva, Santos, Oliveira, Souza, Pereira, Ferreira, Almeida, Costa, Gonçalves, Araújo, da "
        "Silva, dos Santos, Magalhães, Simões, Brandão, Conceição, Assunção, Lourenço",
    ),
    _culture(
        "Camille, Élodie, Chloé, Margaux, Hélène, Anaïs, Noémie, Anne-Sophie",
        "Jean-Pierre, François, Benoît, Étienne, Loïc, Théo, Rémi, Jérôme",
        "Dubois, Lefèvre, Moreau, Girard, Bonnet, François, Mercier, Béranger, Côté, Tremblay, Gagné, "
        "Lévesque, Desjardins, d'Aubigné, Le Goff, Saint-Pierre, Thériault, L'Heureux",
    ),
    _culture(
        "Anneliese, Greta, Käthe, Ursula, Heike, Lena, Sieglinde, Jule",
        "Jürgen, Björn, Klaus, Götz, Matthias, Uwe, Stefan, Hans-Peter",
        "Müller, Schmidt, Schneider, Fischer, Weber, Becker, Schäfer, Groß, Köhler, Weiß, Krüger, "
        "Hoffmann, Böhm, Schröder, von Bülow, Vogel, Zimmermann, Strauß",
    ),
    _culture(
        "Sanne, Fenna, Mieke, Saskia, Lotte, Anouk",
        "Willem, Joost, Thijs, Pieter, Sjoerd, Bram",
        "de Vries, van den Berg, van Dijk, Bakker, Janssen, Visser, de Boer, Mulder, van der Meer, "
        "Hoekstra, 't Hooft, van 't Hof, IJsselstein, Zijlstra",
    ),
    _culture(
        "Ingrid, Astrid, Åsa, Solveig, Maija, Freja, Guðrún, Ottoline",
        "Lars, Øyvind, Søren, Håkon, Mikko, Jörgen, Þór, Nils",
        "Hansen, Johansson, Nygård, Lindström, Sørensen, Åkesson, Virtanen, Korhonen, Mäkinen, "
        "Bjørnstad, Østergaard, Guðmundsson, Sigurðardóttir, Vassbakk, Holm, Dahl",
    ),
    _culture(
        "Katarzyna, Agnieszka, Małgorzata, Zofia, Łucja, Jadwiga, Šárka, Božena",
        "Piotr, Paweł, Łukasz, Wojciech, Michał, Jiří, Ondřej, Zdeněk",
        "Kowalski, Nowak, Wiśniewski, Wójcik, Kamiński, Zieliński, Szymańska, Woźniak, Dąbrowska, "
        "Krawczyk, Novák, Dvořák, Svobodová, Procházka, Černý, Žák, Łukaszewicz",
    ),
    _culture(
        "Olga, Natalia, Svetlana, Irina, Oksana, Ljiljana, Milica",
        "Dmitri, Sergei, Vladimir, Taras, Mykola, Goran, Željko",
        "Ivanov, Petrova, Sokolov, Kuznetsova, Shevchenko, Kovalenko, Bondarenko, Popović, Jovanović, "
        "Horvat, Kovačević, Đorđević, Šimić, Babić",
    ),
    _culture(
        "Giulia, Chiara, Francesca, Alessia, Ilaria, Concetta",
        "Marco, Niccolò, Giuseppe, Luca, Matteo, Salvatore",
        "Rossi, Russo, Ferrari, Esposito, Bianchi, Romano, Ricci, D'Angelo, De Luca, Dell'Acqua, Lo "
        "Presti, Conti, Marchetti, Nicolò",
    ),
    _culture(
        "Eleni, Despina, Zeynep, Ayşe, Elif, Gülşen, Ioana, Eszter",
        "Giorgos, Nikos, Mehmet, Çağlar, İbrahim, Ștefan, László, György",
        "Papadopoulos, Nikolaidis, Y\u0131lmaz, Öztürk, Şahin, Çelik, Popescu, Ionescu, Nagy, Szabó, Kovács, "
        "Tóth, Erdoğan",
    ),
    _culture(
        "Fatima, Aisha, Layla, Noor, Yasmin, Zahra, Maryam, Shirin",
        "Mohammed, Ahmed, Omar, Youssef, Khalid, Hassan, Reza, Dariush",
        "Al-Farsi, El-Sayed, Haddad, Khoury, Mansour, Nasser, Saleh, Aziz, Hosseini, Karimi, Rahimi, "
        "Ben Ali, Al-Hashimi, Abdel-Rahman, Bakr, Shah",
    ),
    _culture(
        "Noa, Tamar, Shira, Rivka, Yael, Miriam",
        "Avi, Moshe, Eitan, Yosef, Lev, Ariel",
        "Cohen, Levi, Mizrahi, Katz, Friedman, Shapiro, Goldberg, Ben-David, Rosenthal, Bar-On",
    ),
    _culture(
        "Chidinma, Ngozi, Amara, Folake, Adaeze, Wanjiru, Achieng, Thandiwe",
        "Chukwuemeka, Oluwaseun, Kwame, Kofi, Tunde, Kamau, Sipho, Bandile",
        "Okafor, Adeyemi, Okonkwo, Nwosu, Mensah, Owusu, Oyelaran-Pike, Kamau, Otieno, Mwangi, Dlamini, "
        "Nkosi, Ndlovu, N'Diaye, Diallo, Traoré, Mbeki, Abebe, Tesfaye, Ogunleye",
    ),
    _culture(
        "Priya, Ananya, Deepika, Lakshmi, Sunita, Meera, Harpreet, Kavya",
        "Rajesh, Arjun, Vikram, Sanjay, Amit, Gurpreet, Karthik, Rohan",
        "Sharma, Patel, Singh, Kumar, Gupta, Reddy, Iyer, Nair, Kaur, Chowdhury, Mukherjee, Desai, Rao, "
        "Banerjee, Venkataraman, Khan, Malik, Hussain",
    ),
    _culture(
        "Mei, Xiu, Lan, Jing, Hui-Ling, Yan, Wen, Ying",
        "Wei, Jun, Ming, Lei, Hao, Qiang, Zhi-Hao, Bo",
        "Wang, Li, Zhang, Liu, Chen, Yang, Huang, Zhao, Wu, Zhou, Xu, Sun, Lü, Lin, Chan, Cheung, Ouyang, Ng",
    ),
    _culture(
        "Ji-woo, Seo-yeon, Min-ji, Yuki, Sakura, Haruka, Akiko, Naomi",
        "Min-jun, Ji-hoon, Seung-ho, Hiroshi, Kenji, Takeshi, Ryō, Shōta",
        "Kim, Lee, Park, Choi, Jung, Kang, Satō, Suzuki, Takahashi, Tanaka, Itō, Yamamoto, Kobayashi, "
        "Ōno, Seo, Yoon",
    ),
    _culture(
        "Linh, Thị Mai, Hương, Phương, Maricel, Jasmine, Dewi, Siti",
        "Minh, Đức, Quang, Hùng, Rodrigo, Jericho, Budi, Agus",
        "Nguyễn, Trần, Lê, Phạm, Hoàng, Đặng, Bùi, dela Cruz, Bautista, Santiago, Villanueva, Macaraeg, "
        "Wijaya, Santoso, Rahman, Tan",
    ),
    _culture(
        "Leilani, Malia, Kailani, Aroha, Talia, Sefina",
        "Keoni, Makoa, Tāne, Sione, Wiremu, Manu",
        "Kealoha, Kahananui, Ka'ana'ana, Tuilagi, Fa'alogo, Ngata, Parata, Yazzie, Begay, Tsosie, Two Rivers",
    ),
)

JOBS: tuple[tuple[str, str], ...] = (
    ("Carpenter", "Field"),
    ("Electrician", "Field"),
    ("Foreman", "Field"),
    ("Ironworker", "Field"),
    ("Laborer", "Field"),
    ("Mason", "Field"),
    ("Plumber", "Field"),
    ("Crane Operator", "Equipment"),
    ("Mechanic", "Equipment"),
    ("Superintendent", "Operations"),
    ("Project Engineer", "Operations"),
    ("Project Manager", "Operations"),
    ("Safety Officer", "Safety"),
    ("Estimator", "Preconstruction"),
    ("Bookkeeper", "Finance"),
    ("Payroll Clerk", "Finance"),
)

CITIES: tuple[tuple[str, str, str], ...] = (
    ("Portland", "OR", "97201"),
    ("Sacramento", "CA", "95814"),
    ("San José", "CA", "95112"),
    ("Seattle", "WA", "98101"),
    ("Denver", "CO", "80202"),
    ("Austin", "TX", "78701"),
    ("El Paso", "TX", "79901"),
    ("Cañon City", "CO", "81212"),
    ("Chicago", "IL", "60601"),
    ("Columbus", "OH", "43215"),
    ("Coeur d'Alene", "ID", "83814"),
    ("Miami", "FL", "33130"),
    ("Newark", "NJ", "07102"),
    ("Honolulu", "HI", "96813"),
)

STREETS = (
    "Plumbline Court",
    "Trestle Row",
    "Mason Street",
    "Keystone Avenue",
    "Quarry Road",
    "O'Farrell Street",
    "Girder Way",
    "Lattice Lane",
    "Rivet Drive",
    "Cornerstone Boulevard",
)
SUFFIXES = ("Jr.", "Sr.", "II", "III", "IV")
DOMAINS = ("example.com", "example.org", "example.net", "stonecourse.example", "harbor-build.example")
